"""Adam and AdamW whose step is one pass over a variable.

Keras makes the same step of some ten operations, each of which reads and writes a tensor as large as the variable;
TensorFlow has one for all of them. What comes out differs by rounding, and in that slices of the same row are added up
before they are squared.
"""

from typing import Any

import keras
import tensorflow as tf


class _OnePass(keras.optimizers.Adam):
    """Adam's step (arXiv:1412.6980, the form before section 2.1) by TensorFlow's kernel, where one replica trains."""

    def update_step(self, gradient: Any, variable: tf.Variable, learning_rate: tf.Tensor) -> None:
        """Makes a step; slots and schedule are those of Keras."""
        if self._distribution_strategy.num_replicas_in_sync > 1 or variable.dtype != tf.float32:
            super().update_step(gradient, variable, learning_rate)
            return
        place, step = self._get_variable_index(variable), tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(tf.convert_to_tensor(gradient), tf.float32),
        )


@keras.saving.register_keras_serializable("trainworks")
class FusedAdam(_OnePass):
    """keras.optimizers.Adam."""


@keras.saving.register_keras_serializable("trainworks")
class FusedAdamW(_OnePass, keras.optimizers.AdamW):
    """keras.optimizers.AdamW."""
