"""Words of texts that are hidden, to be told from the words around them.

Devlin et al., "BERT" (arXiv:1810.04805), section 3.1 and appendix A.1, with whole words as the authors' later models
have it: either all pieces of a word are hidden or none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import tensorflow as tf

from models.text.word_ids import IDS

POSITIONS: Final = "masked_positions"
"""The model input beside the ids: where something is hidden, int64 `(batch_size, hidden)`."""

SHARE: Final = 0.15
"""Of the words, those that are hidden, each with this chance; of a text that has any, one at least."""

MASKED: Final = 0.8
RANDOM: Final = 0.1
"""Of the hidden pieces, those that the mask stands for, and those that become another piece; the rest stays as it is,
so that a network learns to tell every piece, as it will be asked without a mask later."""

BEGINS, CONTINUES, SPECIAL = 0, 1, 2
"""Kinds of pieces: a word or its beginning, the continuation of one, and what is no word and is never hidden."""

_FIXED: Final = 4093
"""Chances that are the same for ever; a prime number, so that texts use them from different places on."""


@dataclass(frozen=True)
class Pieces:
    """What the ids of a vocabulary stand for.

    Attributes:
        kinds: of each id, int32 `(ids,)`.
        mask: the id that stands for what is hidden.
    """

    kinds: np.ndarray
    mask: int

    @classmethod
    def of_words(cls, vocabulary: Sequence[str], *, first: int, mask: int) -> "Pieces":
        """Ids of whole words; those before `first` are special."""
        return cls(np.array([SPECIAL] * first + [BEGINS] * len(vocabulary), np.int32), mask)

    @classmethod
    def of_word_pieces(cls, vocabulary: Sequence[str], special: Sequence[str], *, mask: str) -> "Pieces":
        """Ids of WordPiece, where `##` marks what continues a word."""
        kinds = [SPECIAL if p in special else CONTINUES if p.startswith("##") else BEGINS for p in vocabulary]
        return cls(np.array(kinds, np.int32), list(vocabulary).index(mask))


class Hidden(NamedTuple):
    """Texts with something hidden.

    Attributes:
        ids: int64 `(batch_size, length)`.
        positions: where something is hidden, int64 `(batch_size, hidden)`, as many as in the text that has most.
        labels: what stood there, int64 `(batch_size, hidden)`; 0 after the last of a text.
    """

    ids: tf.Tensor
    positions: tf.Tensor
    labels: tf.Tensor


class Masking:
    """Hides words.

    Args:
        pieces: what the ids stand for.
    """

    def __init__(self, pieces: Pieces) -> None:
        self._kinds, self._mask = tf.constant(pieces.kinds), tf.constant(pieces.mask, tf.int64)
        self._words = tf.constant(np.flatnonzero(pieces.kinds != SPECIAL), tf.int64)

    def of_training(
        self, inputs: Mapping[str, tf.Tensor], labels: tf.Tensor, seed: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Other words each time, by the seed alone; see `models.training.dataset.Augment`."""
        ids = inputs[IDS]
        seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 3))
        chances, fates = (tf.random.stateless_uniform(tf.shape(ids), each) for each in seeds[:2])
        others = tf.random.stateless_uniform(tf.shape(ids), seeds[2], 0, tf.size(self._words), tf.int32)
        become = tf.where(fates < MASKED + RANDOM, tf.gather(self._words, others), ids)
        become = tf.where(fates < MASKED, self._mask, become)
        return _as_inputs(inputs, self._hide(ids, chances, become))

    def of_evaluation(
        self, inputs: Mapping[str, tf.Tensor], labels: tf.Tensor, seed: tf.Tensor
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """As `fixed` has it, whatever the seed."""
        return _as_inputs(inputs, self.fixed(inputs[IDS]))

    def fixed(self, ids: tf.Tensor) -> Hidden:
        """The same words of a text whenever and beside whatever it is asked, all under the mask."""
        length = tf.shape(ids, tf.int64)[1]
        places = tf.range(length)
        start = tf.reduce_sum(ids * (places + 1), axis=1, keepdims=True)
        chances = tf.constant(np.random.default_rng(1).random(_FIXED), tf.float32)
        return self._hide(ids, tf.gather(chances, (start + places) % _FIXED), tf.fill(tf.shape(ids), self._mask))

    def _hide(self, ids: tf.Tensor, chances: tf.Tensor, become: tf.Tensor) -> Hidden:
        """Hides words by the chance of each, float32 `(batch_size, length)` by the word's number in its text."""
        kinds = tf.gather(self._kinds, ids)
        numbers = tf.maximum(tf.cumsum(tf.cast(kinds != CONTINUES, tf.int32), axis=1) - 1, 0)
        chances = tf.where(kinds == SPECIAL, 2.0, tf.gather(chances, numbers, batch_dims=1))
        least = tf.reduce_min(chances, axis=1, keepdims=True)
        hidden = (chances < 2.0) & ((chances < SHARE) | (chances <= least))
        most = tf.maximum(tf.reduce_max(tf.math.count_nonzero(hidden, axis=1)), 1)
        positions = tf.argsort(tf.cast(~hidden, tf.int32), axis=1, stable=True)[:, :most]
        there = tf.gather(hidden, positions, batch_dims=1)
        labels = tf.where(there, tf.gather(ids, positions, batch_dims=1), 0)
        return Hidden(tf.where(hidden, become, ids), tf.cast(positions, tf.int64), labels)


def _as_inputs(inputs: Mapping[str, tf.Tensor], hidden: Hidden) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    return {**inputs, IDS: hidden.ids, POSITIONS: hidden.positions}, hidden.labels
