"""Pooling over time that leaves padding out."""

from typing import Any

import keras


@keras.saving.register_keras_serializable("trainworks")
class MaskedPooling(keras.layers.Layer):
    """States over time to one vector.

    Args:
        mode: `max`, `mean`, both side by side as `max_mean`, or `last`: the state after the last word; of a backward
            layer, whose last word is a text's first, the state there.
        bidirectional: whether the second half of the features belongs to a backward layer.

    Input shape: states `(batch_size, length, features)` padded on the right, lengths `(batch_size,)` of at least 1.
    Output shape: `(batch_size, features)`, twice as wide for `max_mean`.
    """

    def __init__(self, mode: str, *, bidirectional: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mode, self.bidirectional = mode, bidirectional

    def call(self, states: Any, lengths: Any) -> Any:
        ops = keras.ops
        if self.mode == "last":
            return self._last(states, lengths)
        steps = ops.arange(ops.shape(states)[1], dtype=lengths.dtype)
        mask = ops.cast(steps[None, :] < lengths[:, None], states.dtype)[:, :, None]
        pooled = []
        if "max" in self.mode:
            pooled.append(ops.max(ops.where(mask > 0, states, states.dtype.min), axis=1))
        if "mean" in self.mode:
            pooled.append(ops.sum(states * mask, axis=1) / ops.cast(lengths, states.dtype)[:, None])
        return pooled[0] if len(pooled) == 1 else ops.concatenate(pooled, axis=-1)

    def _last(self, states: Any, lengths: Any) -> Any:
        ops = keras.ops
        ends = ops.cast(lengths - 1, "int32")[:, None, None]
        last = ops.squeeze(ops.take_along_axis(states, ops.broadcast_to(ends, (ops.shape(states)[0], 1, 1)), axis=1), 1)
        if not self.bidirectional:
            return last
        half = states.shape[-1] // 2
        return ops.concatenate([last[:, :half], states[:, 0, half:]], axis=-1)

    def compute_output_spec(self, states: Any, lengths: Any) -> Any:
        width = states.shape[-1] * (2 if self.mode == "max_mean" else 1)
        return keras.KerasTensor((states.shape[0], width), states.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mode": self.mode, "bidirectional": self.bidirectional}
