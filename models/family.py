"""What a model family says: analysis, preprocessing, network. Nothing else in the house knows which family it is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from models.analyzer import Analyzer
from schemas.config import Modality, Task

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from models.analyzer import Facts, RawBatch

    ModelInputs = Mapping[str, tf.Tensor | tf.RaggedTensor]
    Preprocess = Callable[[RawBatch], ModelInputs]


class Hyperparameters(BaseModel):
    """Base of a family's settings: the `model:` section of the pipeline file without `family`."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Family(ABC):
    """A family of networks.

    Args:
        hyperparameters: an instance of the class's `Config`.
        features: the model's input names in the order of the pipeline file.

    Attributes:
        base: the folder of the pipeline file, that paths among the hyperparameters start from.
    """

    Config: ClassVar[type[Hyperparameters]]
    """The hyperparameters, typed, with defaults that must do well on data nobody tuned them to."""

    modality: ClassVar[Modality] = "text"
    """What its raw features are."""

    materialize: ClassVar[bool] = True
    """Whether Transform writes the model's inputs; otherwise it writes raw features, and training preprocesses them."""

    materialize_spans: ClassVar[bool] = False
    """The same of data in spans, if its facts change with every span, and with them the model inputs of all older ones.
    Raw features are then those of the span that is new; training preprocesses them in each epoch, or once where the
    inputs fit into memory."""

    @classmethod
    def recipe(cls, task: Task) -> Mapping[str, Any]:
        """Training settings (fields of TrainingConfig) that go with those defaults, for a task."""
        return {}

    @classmethod
    def recipe_for(cls, task: Task, hyperparameters: Mapping[str, Any], base: Path = Path()) -> Mapping[str, Any]:
        """The recipe where it depends on the hyperparameters, as the pipeline file in `base` gives them; they may be
        wrong."""
        return cls.recipe(task)

    base: Path = Path()

    def __init__(self, hyperparameters: Any, features: Sequence[str]) -> None:
        self.config = hyperparameters
        self.features = tuple(features)

    @property
    def length_multiple(self) -> int:
        """What lengths of training batches are rounded up to multiples of: a network of kernels that are compiled for
        each length wants few different ones."""
        return 1

    def files(self) -> Sequence[Path]:
        """Files and folders that `network` reads; what they hold decides whether a training can be used again."""
        return ()

    def check_files(self) -> None:  # noqa: B027 - most families read none
        """Looks at these files before anything runs, as far as that needs neither TensorFlow nor Keras.

        Raises:
            ConfigError: one of them cannot be used.
        """

    def files_of_facts(self) -> Sequence[Path]:
        """Files and folders that `given_facts` reads."""
        return ()

    def given_facts(self) -> "Facts":
        """Facts that need no data, such as the vocabulary of pretrained weights."""
        return {}

    @abstractmethod
    def analyzers(self) -> Sequence[Analyzer[Any]]:
        """Accumulators over the raw training split."""

    @abstractmethod
    def preprocess(self, facts: "Facts") -> "Preprocess":
        """The graph from a raw batch to model inputs, built from TensorFlow ops that stock TF Serving has.

        Returns:
            A callable (usually a tf.Module, which owns its lookup tables; traced without AutoGraph) from feature name
            to a tensor of shape `(batch_size,)`, to input name to a tensor `(batch_size, ...)` or a RaggedTensor
            `(batch_size, None)` of int64 or float32. Ragged inputs are padded with zeros to the longest of the batch
            for the network, so 0 must mean padding.
        """

    def row_names(self, facts: "Facts") -> "Mapping[str, Sequence[str]]":
        """What rows of the network's weights stand for: path of a weight to a name for each row, all different.

        A family with a vocabulary says here which weights belong to it (`{"embedding/embeddings": [...]}`), so that
        another training can start from them with other words. Rows that stand for no word have names with a line feed.
        """
        return {}

    def refine(self, facts: "Facts", inputs: "Iterable[Mapping[str, tf.Tensor]]") -> "Facts":
        """Facts for `network` with what can be learned from the training split's model inputs without their labels.

        Args:
            facts: what analysis found.
            inputs: batches of dense model inputs, in no particular order; it need not be read to the end.
        """
        return facts

    @abstractmethod
    def network(self, facts: "Facts", outputs: int) -> "keras.Model":
        """The Keras model from model inputs (a dictionary by input name, dense) to logits `(batch_size, outputs)`.

        A layer named `pooled` is what the exported model embeds with; for pictures, one named `feature_map` is where it
        says its answers come from (see `models/export/parts.py`); for texts, one named `embedding` makes vectors of
        their ids, whose parts in an answer it tells (see `models/export/integrated_gradients.py`), if the preprocessing
        has `tokens` (see `models/text/tokens.py`). Layers named `block_0`, `block_1`, ... are what
        `training.layer_decay` counts.
        """

    def exported(self, network: "keras.Model", facts: "Facts", outputs: int) -> "keras.Model":
        """What is exported of a trained network: that network, unless it has parts that only training needs.

        Args:
            network: what `network` made, trained; in float32.
            facts: as `network` had them.
            outputs: as `network` had them.
        """
        return network
