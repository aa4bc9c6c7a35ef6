"""Dropping words in training."""

from typing import Any

import keras


@keras.saving.register_keras_serializable("trainworks")
class WordDropout(keras.layers.Layer):
    """Replaces a share of the words by the unknown one in training (Iyyer et al., doi:10.3115/v1/P15-1162), no padding.

    Args:
        rate: the share.
        unknown: id of the unknown word.
        seed: for the random numbers.

    Input shape: ids `(batch_size, length)`, 0 is padding.
    Output shape: the same.
    """

    def __init__(self, rate: float, *, unknown: int, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate, self.unknown, self.seed = rate, unknown, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, ids: Any, training: bool = False) -> Any:
        if not training or not self.rate:
            return ids
        dropped = keras.random.uniform(keras.ops.shape(ids), seed=self.seed_generator) < self.rate
        return keras.ops.where(keras.ops.logical_and(dropped, ids > 0), self.unknown, ids)

    def compute_output_spec(self, ids: Any, training: bool = False) -> Any:
        return keras.KerasTensor(ids.shape, ids.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "unknown": self.unknown, "seed": self.seed}
