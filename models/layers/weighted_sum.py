"""A dense layer on sparse inputs."""

from typing import Any

import keras


@keras.saving.register_keras_serializable("trainworks")
class WeightedSum(keras.layers.Layer):
    """`y = sum_i weights_i * kernel[ids_i] + bias`: a Dense layer on inputs that are mostly zero.

    Args:
        terms: rows of the kernel; row 0 belongs to padding, whose weight is 0.
        outputs: width of the result.

    Input shape: ids int64 `(batch_size, length)` and weights float32 `(batch_size, length)`.
    Output shape: `(batch_size, outputs)`.
    """

    def __init__(self, terms: int, outputs: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.terms, self.outputs = terms, outputs

    def build(self, ids_shape: Any, weights_shape: Any) -> None:
        self.kernel = self.add_weight((self.terms, self.outputs), initializer="zeros", name="kernel")
        self.bias = self.add_weight((self.outputs,), initializer="zeros", name="bias")

    def call(self, ids: Any, weights: Any) -> Any:
        rows = keras.ops.take(self.kernel, ids, axis=0)
        return keras.ops.einsum("bl,blo->bo", weights, rows) + self.bias

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "terms": self.terms, "outputs": self.outputs}
