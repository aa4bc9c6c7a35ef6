"""The exported model: preprocessing, network and answers in one graph, with the signatures that servers know."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from models.dtypes import DTYPES, dense_spec
from models.export.embedded import Embedded, embedding
from models.export.explanation import grad_cam
from models.export.integrated_gradients import TextExplanation
from models.export.parts import FEATURE_MAP, MAP_RANK, POOLED, Parts
from models.export.reading import Reading
from models.export.rollout import Attending, TextRollout
from models.export.steps import STEPS
from models.export.weighted_terms import Logits, TermExplanation
from models.padding import pad
from models.tasks import TaskHead
from models.text.tokens import Tokenizer
from schemas.ingestion import FeatureType

if TYPE_CHECKING:
    from models.family import Preprocess


class ServingModel(tf.Module):
    """What `Format-Serving` holds. It loads with TensorFlow and tensorflow_text alone.

    Its signatures (every batch dimension is open, and an empty batch has an empty answer):

    - `serving_default`: one tensor `(batch_size,)` for each feature, by the feature's name;
    - `serve_examples`: `examples`, string `(batch_size,)`, serialized tf.Example with the columns' names;
    - `classify` (or `regress`), where the task has it: `inputs`, as `serve_examples`; TensorFlow Serving's Classify and
      Regress call it;
    - `embed`, where the network has a layer `pooled`: inputs as `serving_default`, answers that layer's vector;
    - `explain`, where it has a layer `feature_map`: inputs as `serving_default`, answers also say where to look;
    - `explain`, where it reads texts and has an embedding, or sums up terms: takes `steps`, too, and tells what each
      token adds;
    - `rollout`, where it reads texts by attention: inputs as `serving_default`, answers also give tokens' shares.

    All of them call one function, so the model is in the file once.

    Args:
        network: from model inputs to logits.
        preprocess: from raw features to model inputs.
        task: makes answers of logits.
        features: model input to column, of the raw data.
        columns: type of each column.
        assets: files to go along under their names, such as the list of classes.
    """

    def __init__(
        self,
        network: keras.Model,
        preprocess: "Preprocess",
        *,
        task: TaskHead,
        features: Mapping[str, str],
        columns: Mapping[str, FeatureType],
        assets: Sequence[Path] = (),
    ) -> None:
        super().__init__(name="serving_model")
        self._task, self._features = task, dict(features)
        self._types = {name: columns[column] for name, column in features.items()}
        self._preprocess = preprocess
        self._network_variables = [variable.value for variable in network.variables]
        self._network_resources = _lookups(network)
        self._assets = [tf.saved_model.Asset(str(path)) for path in assets]
        self._parts = Parts(network)
        forward = _forward(self._parts, preprocess)
        self._forward = tf.function(forward, input_signature=[self._raw_specs()], autograph=False)
        reading = _reading(preprocess, task, self._types)
        self._rollout = _text_rollout(network, reading, task)
        self._of_texts = _text_explanation(network, preprocess, self._logits, reading, task)

    def signatures(self) -> dict[str, Any]:
        """Signature name to concrete function."""
        examples, inputs = (tf.TensorSpec((None,), tf.string, name) for name in ("examples", "inputs"))
        raw = self._raw_specs()
        signatures = {
            "serving_default": _traced(self.serve, **raw),
            "serve_examples": _traced(self.serve_examples, examples),
        }
        if self._task.verb:
            signatures[self._task.verb] = _traced(getattr(self, self._task.verb), inputs)
        if self._parts.has_vector:
            signatures["embed"] = _traced(self.embed, **raw)
        if self._parts.size:
            signatures["explain"] = _traced(self.explain, **raw)
        if self._of_texts:
            signatures["explain"] = _traced(self.explain_texts, **raw, steps=tf.TensorSpec((None,), tf.int64, STEPS))
        if self._rollout:
            signatures["rollout"] = _traced(self.rollout, **raw)
        return signatures

    def serve(self, **features: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers for raw features."""
        return self._answer(features)

    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers for serialized tf.Example."""
        return self._answer(self._parse(examples))

    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """`classes`: string and `scores`: float32, both `(batch_size, classes)`."""
        scores = self._answer(self._parse(inputs))["scores"]
        classes = tf.tile(tf.constant([self._task.classes]), (tf.shape(scores)[0], 1))
        return {"classes": classes, "scores": scores}

    def regress(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """`outputs`: float32 `(batch_size,)`."""
        return {"outputs": self._answer(self._parse(inputs))["prediction"]}

    def embed(self, **features: tf.Tensor) -> dict[str, tf.Tensor]:
        """`embedding`: float32 `(batch_size, dim)`, the vector that the logits are made of."""
        return {"embedding": self._forward(features)[POOLED]}

    def explain(self, **features: tf.Tensor) -> dict[str, tf.Tensor]:
        """The answers, and `heat_map`: float32 `(batch_size, height, width)` in [0, 1], in the size of the network's
        own pictures."""
        forward = self._forward(features)
        head, size = self._parts.head, self._parts.size
        assert head is not None and size is not None
        heat_map = grad_cam(
            forward[FEATURE_MAP],
            lambda feature_map: self._task.explained(tf.cast(head(feature_map, training=False), tf.float32)),
            size,
        )
        return {"heat_map": heat_map, **self._task.answers(forward["logits"])}

    def explain_texts(self, **features: tf.Tensor) -> dict[str, tf.Tensor]:
        """The answers, and what each token adds to them; see `models/export/integrated_gradients.py` and
        `models/export/weighted_terms.py`."""
        assert self._of_texts is not None
        return self._of_texts({name: features[name] for name in self._types}, features[STEPS])

    def rollout(self, **features: tf.Tensor) -> dict[str, tf.Tensor]:
        """The answers, and each token's share in the vector that they are made of; see `models/export/rollout.py`."""
        assert self._rollout is not None
        return self._rollout(features)

    def _answer(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return self._task.answers(self._logits(features))

    def _logits(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        return self._forward(features)["logits"]

    def _raw_specs(self) -> dict[str, tf.TensorSpec]:
        return {name: tf.TensorSpec((None,), DTYPES[kind], name) for name, kind in self._types.items()}

    def _parse(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """A missing value is an empty string or zero, as in Transform."""
        spec = dense_spec({self._features[name]: kind for name, kind in self._types.items()})
        parsed = tf.io.parse_example(examples, spec)
        return {name: parsed[column] for name, column in self._features.items()}


def _traced(method: Callable[..., dict[str, tf.Tensor]], *args: tf.TensorSpec, **kwargs: tf.TensorSpec) -> Any:
    """A concrete function. (tf.saved_model.save traces tf.functions that a module has as attributes once more.)"""
    return tf.function(method, autograph=False).get_concrete_function(*args, **kwargs)


def _reading(preprocess: "Preprocess", task: TaskHead, types: Mapping[str, FeatureType]) -> Reading | None:
    """How the texts are read that answers are about; None where it is not texts alone, or they have no words."""
    if task.verb is None or set(types.values()) != {"BYTES"} or not isinstance(preprocess, Tokenizer):
        return None
    return Reading(list(types), preprocess, preprocess)


def _text_explanation(
    network: keras.Model, preprocess: "Preprocess", logits: Logits, reading: Reading | None, task: TaskHead
) -> TextExplanation | TermExplanation | None:
    """What explains answers about texts; None where the network reads none, or neither makes vectors of their words nor
    sums up terms."""
    if reading is None or STEPS in reading.features:
        return None
    if embedding(network) is not None:
        return TextExplanation(Embedded(network), reading, task)
    return TermExplanation.of(network, preprocess, logits, task)


def _text_rollout(network: keras.Model, reading: Reading | None, task: TaskHead) -> TextRollout | None:
    """What tells which tokens an answer draws on; None where the network reads no text, or without attention."""
    attending = Attending.of(network) if reading else None
    return TextRollout(attending, reading, task) if reading and attending else None


def _forward(parts: Parts, preprocess: "Preprocess") -> Callable[[Mapping[str, tf.Tensor]], dict[str, tf.Tensor]]:
    def forward(features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        inputs, count = _not_empty(pad(preprocess(features)))
        return {name: tf.cast(output[:count], tf.float32) for name, output in parts(inputs).items()}

    return forward


def _not_empty(inputs: Mapping[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """An empty batch of pictures becomes a picture of zeros, and how many of the rows count.

    A convolution that oneDNN fuses with its bias keeps the channels of its input where there is nothing to convolve.
    (Padding by nothing copies nothing.)
    """
    count = tf.shape(next(iter(inputs.values())))[0]
    missing = tf.cast(tf.equal(count, 0), tf.int32)
    added = {
        name: tf.pad(tensor, [[0, missing], *[[0, 0]] * (tensor.shape.rank - 1)])
        for name, tensor in inputs.items()
        if tensor.shape.rank == MAP_RANK
    }
    return {**inputs, **added}, count


def _lookups(network: keras.Model) -> list[Any]:
    """Tables of preprocessing layers within a network, which its variables do not name."""
    layers = network._flatten_layers(include_self=False, recursive=True)
    return [table for layer in layers if (table := getattr(layer, "lookup_table", None)) is not None]
