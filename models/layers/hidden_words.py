"""Layers of an exported encoder that hide words of a text, and say how well these are told.

They stand in a SavedModel only: Keras' own format would store the vectors of pieces, which two layers share, twice.
"""

from typing import Any

import keras
import numpy as np

from models.text.masking import Masking, Pieces


class HideWords(keras.layers.Layer):
    """Hides the same words of a text each time; see `models.text.masking.Masking.fixed`.

    Args:
        pieces: what the ids stand for.

    Input shape: ids, int64 `(batch_size, length)`.
    Output shape: ids `(batch_size, length)`, positions and labels `(batch_size, hidden)`, all int64.
    """

    def __init__(self, pieces: Pieces, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._pieces = pieces

    def call(self, ids: Any) -> Any:
        return tuple(Masking(self._pieces).fixed(ids))

    def compute_output_spec(self, ids: Any) -> Any:
        hidden = (ids.shape[0], None)
        return tuple(keras.KerasTensor(shape, "int64") for shape in (ids.shape, hidden, hidden))


class WordScores(keras.layers.Layer):
    """How well hidden pieces are told; beside it, how well by one who only knows how often each piece comes.

    Args:
        unigram: the logarithm of each piece's frequency, float32 `(pieces,)`.

    Input shape: logits `(batch_size, hidden, pieces)`, labels `(batch_size, hidden)`, 0 where there is none.
    Output shape: float32 `(batch_size, 5)`, see `schemas.hidden_words.SCORES`.
    """

    def __init__(self, unigram: np.ndarray, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._unigram = unigram

    def call(self, logits: Any, labels: Any) -> Any:
        ops = keras.ops
        there = ops.cast(labels > 0, "float32")
        told = ops.log_softmax(ops.cast(logits, "float32"))
        own = ops.squeeze(ops.take_along_axis(told, labels[..., None], axis=-1), -1)
        right = ops.cast(ops.equal(ops.cast(ops.argmax(told, axis=-1), labels.dtype), labels), "float32")
        commonest = ops.cast(ops.equal(labels, int(self._unigram.argmax())), "float32")
        alone = ops.take(ops.convert_to_tensor(self._unigram), labels)
        sums = [ops.sum(values * there, axis=1) for values in (right, -own, commonest, -alone)]
        return ops.stack([ops.sum(there, axis=1), *sums], axis=1)

    def compute_output_spec(self, logits: Any, labels: Any) -> Any:
        return keras.KerasTensor((logits.shape[0], 5), "float32")
