"""The exported model: preprocessing, network and answers in one graph, with the signatures that servers know."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

from models.dtypes import DTYPES, dense_spec
from models.padding import pad
from models.tasks import Classification, TaskHead
from schemas.ingestion import FeatureType

if TYPE_CHECKING:
    from models.family import Preprocess


class ServingModel(tf.Module):
    """What `Format-Serving` holds. It loads with TensorFlow and tensorflow_text alone.

    Its signatures (every batch dimension is open, and an empty batch has an empty answer):

    - `serving_default`: one tensor `(batch_size,)` for each feature, by the feature's name;
    - `serve_examples`: `examples`, string `(batch_size,)`, serialized tf.Example with the columns' names;
    - `classify` (or `regress`): `inputs`, as `serve_examples`; TensorFlow Serving's Classify and Regress call it.

    All of them call one function, so the model is in the file once.

    Args:
        network: from model inputs to logits.
        preprocess: from raw features to model inputs.
        task: makes answers of logits.
        features: model input to column, of the raw data.
        columns: type of each column.
        labels: file that lists the classes, to go along as an asset; None for regression.
    """

    def __init__(
        self,
        network: keras.Model,
        preprocess: "Preprocess",
        *,
        task: TaskHead,
        features: Mapping[str, str],
        columns: Mapping[str, FeatureType],
        labels: Path | None,
    ) -> None:
        super().__init__(name="serving_model")
        self._task, self._features = task, dict(features)
        self._types = {name: columns[column] for name, column in features.items()}
        self._preprocess = preprocess
        self._network_variables = [variable.value for variable in network.variables]
        self._network_resources = _lookups(network)
        self._labels = tf.saved_model.Asset(str(labels)) if labels else None
        self._answer = tf.function(
            _forward(network, preprocess, task), input_signature=[self._raw_specs()], autograph=False
        )

    def signatures(self) -> dict[str, Any]:
        """Signature name to concrete function."""
        examples, inputs = (tf.TensorSpec((None,), tf.string, name) for name in ("examples", "inputs"))
        short = "classify" if isinstance(self._task, Classification) else "regress"
        return {
            "serving_default": self.serve.get_concrete_function(**self._raw_specs()),
            "serve_examples": self.serve_examples.get_concrete_function(examples=examples),
            short: getattr(self, short).get_concrete_function(inputs=inputs),
        }

    @tf.function(autograph=False)
    def serve(self, **features: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers for raw features."""
        return self._answer(features)

    @tf.function(autograph=False)
    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers for serialized tf.Example."""
        return self._answer(self._parse(examples))

    @tf.function(autograph=False)
    def classify(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """`classes`: string and `scores`: float32, both `(batch_size, classes)`."""
        assert isinstance(self._task, Classification)
        scores = self._answer(self._parse(inputs))["scores"]
        classes = tf.tile(tf.constant([self._task.classes]), (tf.shape(scores)[0], 1))
        return {"classes": classes, "scores": scores}

    @tf.function(autograph=False)
    def regress(self, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        """`outputs`: float32 `(batch_size,)`."""
        return {"outputs": self._answer(self._parse(inputs))["prediction"]}

    def _raw_specs(self) -> dict[str, tf.TensorSpec]:
        return {name: tf.TensorSpec((None,), DTYPES[kind], name) for name, kind in self._types.items()}

    def _parse(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """A missing value is an empty string or zero, as in Transform."""
        spec = dense_spec({self._features[name]: kind for name, kind in self._types.items()})
        parsed = tf.io.parse_example(examples, spec)
        return {name: parsed[column] for name, column in self._features.items()}


def _forward(
    network: keras.Model, preprocess: "Preprocess", task: TaskHead
) -> Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]]:
    def answer(features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        logits = network(pad(preprocess(features)), training=False)
        return task.answers(tf.cast(logits, tf.float32))

    return answer


def _lookups(network: keras.Model) -> list[Any]:
    """Tables of preprocessing layers within a network, which its variables do not name."""
    layers = network._flatten_layers(include_self=False, recursive=True)
    return [table for layer in layers if (table := getattr(layer, "lookup_table", None)) is not None]
