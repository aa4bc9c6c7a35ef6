"""A number."""

import tensorflow as tf

from models.tasks.head import TaskHead


class Regression(TaskHead):
    """A number, by squared error. The network predicts the label standardized, so that its scale does not matter.

    Args:
        mean: mean of the training labels.
        scale: their standard deviation; 1 when they are all equal.
    """

    outputs = 1
    measures = ("mse", "mae")
    verb = "regress"

    def __init__(self, mean: float = 0.0, scale: float = 1.0) -> None:
        self.mean, self.scale = mean, scale or 1.0
        self.unit = (self.mean, self.scale)

    def loss(self, logits: tf.Tensor, labels: tf.Tensor, *, label_smoothing: float = 0.0) -> tf.Tensor:
        """Squared error of the standardized label; there is nothing to smooth."""
        return tf.square(logits[:, 0] - (labels - self.mean) / self.scale)

    def measure(self, logits: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
        """Squared and absolute error, in the label's own unit."""
        error = self.answers(logits)["prediction"] - labels
        return [tf.square(error), tf.abs(error)]

    def answers(self, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """`prediction`: float32 `(batch_size,)`, in the label's own unit."""
        return {"prediction": logits[:, 0] * self.scale + self.mean}
