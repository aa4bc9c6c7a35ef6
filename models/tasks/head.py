"""What every task can say of a network's outputs."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

import tensorflow as tf

from schemas.errors import DataError


class TaskHead(ABC):
    """From logits `(batch_size, outputs)` to a loss, to measures and to answers.

    Measures are means of per-example numbers, so that sums over batches, replicas and workers merge exactly.
    """

    outputs: int
    """Width of the network's last layer."""

    classes: tuple[str, ...] = ()
    """The labels' words, in the order of the scores; none where the label is no word."""

    measures: tuple[str, ...]
    """Names of what `measure` gives, in order."""

    unit: tuple[float, float] = (0.0, 1.0)
    """Mean and scale of the number that an output of 0, or a step of 1, stands for."""

    @property
    def output_names(self) -> tuple[str, ...]:
        """A name for each output: its class, or its place, with a line feed, where it stands for none."""
        return (*self.classes, *(f"\n{place}" for place in range(self.outputs - len(self.classes))))

    verb: ClassVar[Literal["classify", "regress"] | None] = "classify"
    """The signature that TensorFlow Serving has for such answers; None where there is none, and nothing to explain."""

    def units(self, labels: tf.Tensor) -> tf.Tensor | None:
        """How much each example counts, float32 `(batch_size,)`: as many as it asks for answers. None for one each."""
        return None

    @abstractmethod
    def loss(self, logits: tf.Tensor, labels: tf.Tensor, *, label_smoothing: float = 0.0) -> tf.Tensor:
        """Loss of each example, float32 `(batch_size,)`."""

    @abstractmethod
    def measure(self, logits: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        """Each measure's value for each example, float32 `(batch_size,)`."""

    def explained(self, logits: tf.Tensor, *, answered: tf.Tensor | None = None) -> tf.Tensor:
        """The number that an explanation of the answer is about, `(batch_size,)`: the logit that is the largest.

        Args:
            logits: float32 `(batch_size, outputs)`.
            answered: the logits of the answer, if it is about those of another input.
        """
        largest = tf.argmax(logits if answered is None else answered, axis=-1)
        return tf.gather(logits, largest, axis=-1, batch_dims=1)

    @abstractmethod
    def answers(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """What a client of the exported model is told, each with first dimension `batch_size`."""


def checked_classes(classes: Sequence[str], task: str) -> tuple[str, ...]:
    """The classes, once they can be learned and written on the lines of `labels.txt`.

    Raises:
        DataError: fewer than two classes, or one that does not fit on a line.
    """
    if len(classes) < 2:
        raise DataError(f"{task} needs at least two classes. Received: {', '.join(classes) or 'none'}")
    for name in classes:
        if name.splitlines() != [name]:
            raise DataError(f"A label must be one line of text that is not empty. Received: {name!r}")
    return tuple(classes)
