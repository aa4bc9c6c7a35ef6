"""One class, and where it is: a bounding box."""

from collections.abc import Sequence

import tensorflow as tf

from models.tasks import boxes
from models.tasks.classification import Classification
from models.tasks.head import TaskHead

_SMOOTH = 0.1
"""Differences of coordinates below this count by their square."""


class Localization(TaskHead):
    """A class by softmax and cross entropy, and one box by generalized IoU and smooth L1.

    Args:
        classes: the labels' words, in the order of the first outputs; four outputs more are the box. Labels are float32
            `(batch_size, 5)`: an index into the classes, then `xmin, ymin, xmax, ymax` as shares of the picture's
            width and height.

    Raises:
        DataError: fewer than two classes, or a label that does not fit on a line of `labels.txt`.
    """

    measures = ("accuracy", "mean_iou")

    def __init__(self, classes: Sequence[str]) -> None:
        self._class = Classification(classes)
        self.classes = self._class.classes
        self.outputs = len(self.classes) + 4

    def loss(self, logits: tf.Tensor, labels: tf.Tensor, *, label_smoothing: float = 0.0) -> tf.Tensor:
        """The class's cross entropy, smoothed as asked for, 1 - generalized IoU, and smooth L1 of the coordinates."""
        of_class, of_box = self._split(logits)
        box, index = boxes.from_logits(of_box), tf.cast(labels[:, 0], tf.int64)
        away = tf.abs(box - labels[:, 1:])
        smooth = tf.where(away < _SMOOTH, tf.square(away) / (2 * _SMOOTH), away - _SMOOTH / 2)
        apart = 1.0 - boxes.overlap(box, labels[:, 1:])[1]
        class_loss = self._class.loss(of_class, index, label_smoothing=label_smoothing)
        return class_loss + apart + tf.reduce_sum(smooth, axis=-1)

    def measure(self, logits: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        """Whether the class is right, and the boxes' intersection over union."""
        box = self.answers(logits)["box"]
        right = self._class.measure(self._split(logits)[0], tf.cast(labels[:, 0], tf.int64))
        return [*right, boxes.overlap(box, labels[:, 1:])[0]]

    def explained(self, logits: tf.Tensor, *, answered: tf.Tensor | None = None) -> tf.Tensor:
        """The largest logit of a class."""
        return self._class.explained(
            self._split(logits)[0], answered=None if answered is None else self._split(answered)[0]
        )

    def answers(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """As of a classification, and `box`: float32 `(batch_size, 4)`, `xmin, ymin, xmax, ymax` in [0, 1]."""
        of_class, of_box = self._split(logits)
        return {**self._class.answers(of_class), "box": tf.clip_by_value(boxes.from_logits(of_box), 0.0, 1.0)}

    def _split(self, logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Logits of the classes and of the box."""
        return logits[:, : len(self.classes)], logits[:, len(self.classes) :]
