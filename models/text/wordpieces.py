"""Texts to WordPiece ids as BERT has them, in the graph."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import tensorflow as tf
import tensorflow_text

from models.text.tokens import Tokens, in_characters
from models.text.word_ids import IDS
from models.text.words import valid_utf8

SEGMENTS: Final = "segment_ids"
PAD, UNKNOWN, START, END, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
SPECIAL: Final = (PAD, UNKNOWN, START, END, MASK)
"""Pieces that every vocabulary needs; the first one's id is 0."""


class WordPieces(tf.Module):
    """One text as `[CLS] text [SEP]`, a pair as `[CLS] first [SEP] second [SEP]` (Devlin et al., arXiv:1810.04805).

    Song et al.'s linear-time tokenizer (arXiv:2012.15524), which gives the ids of the checkpoint's own. Of more than
    two texts, those from the second on are one.

    Args:
        vocabulary: pieces in the order of their ids, `SPECIAL` among them.
        features: text features.
        sequence_length: most ids of an example. Of a pair, the longer text is cut first.
        lower_case: whether texts are lower-cased and stripped of accents, as the vocabulary was learned.
    """

    def __init__(
        self, vocabulary: Sequence[str], features: Sequence[str], sequence_length: int, *, lower_case: bool
    ) -> None:
        super().__init__()
        self._features, self._length, self._vocabulary = tuple(features), sequence_length, tuple(vocabulary)
        self._start, self._end = (vocabulary.index(piece) for piece in (START, END))
        with tf.init_scope():  # its tables must not belong to the graph that happens to be traced first
            self._tokenizer = tensorflow_text.FastBertTokenizer(
                list(vocabulary),
                unknown_token=UNKNOWN,
                lower_case_nfd_strip_accents=lower_case,
                token_out_type=tf.int64,
            )

    def __call__(self, batch: Mapping[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        """Raw texts to `token_ids` and, for pairs, `segment_ids`: int64 RaggedTensors `(batch_size, None)`."""
        first = self._pieces(batch[self._features[0]])
        count = first.nrows()
        start, end = (tf.fill([count, 1], tf.constant(piece, tf.int64)) for piece in (self._start, self._end))
        if len(self._features) == 1:
            return {IDS: tf.concat([start, first[:, : self._length - 2], end], axis=1)}
        second = self._pieces(tf.strings.join([batch[name] for name in self._features[1:]], separator=" \n "))
        first, second = map(_heads, (first, second), self._kept(first, second))
        ids = tf.concat([start, first, end, second, end], axis=1)
        second_part = tf.concat([tf.ones_like(second), tf.ones_like(end)], axis=1)
        first_part = tf.concat([tf.zeros_like(start), tf.zeros_like(first), tf.zeros_like(end)], axis=1)
        return {IDS: ids, SEGMENTS: tf.concat([first_part, second_part], axis=1)}

    def tokens(self, batch: Mapping[str, tf.Tensor]) -> Tokens:
        """The pieces that have the ids. `[CLS]` is of the first text, `[SEP]` of the one that it ends. See
        `models/text/tokens.py`."""
        texts = {name: valid_utf8(batch[name]) for name in self._features}
        first, *others = (self._tokens(name, text) for name, text in texts.items())
        start = _mark(START, self._features[0], tf.zeros_like(texts[self._features[0]], tf.int64))
        end, last = (_mark(END, name, _characters(texts[name])) for name in (self._features[0], self._features[-1]))
        if not others:
            return Tokens.joined([start, first.mapped(lambda part: part[:, : self._length - 2]), end])
        second = Tokens.joined(others)
        kept = self._kept(first.words, second.words)
        first, second = (
            found.mapped(partial(_heads, lengths=n)) for found, n in zip((first, second), kept, strict=True)
        )
        return Tokens.joined([start, first, end, second, last])

    def _tokens(self, name: str, texts: tf.Tensor) -> Tokens:
        ids, *places = self._tokenizer.tokenize_with_offsets(texts)
        starts, ends = (in_characters(texts, tf.cast(place, tf.int64)) for place in places)
        return Tokens.of(name, ids.with_values(tf.gather(tf.constant(self._vocabulary), ids.values)), starts, ends)

    def _pieces(self, texts: tf.Tensor) -> tf.RaggedTensor:
        return self._tokenizer.tokenize(valid_utf8(texts))

    def _kept(self, first: tf.RaggedTensor, second: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Pieces that are read of each text of a pair: half of what there is room for at least, and what the other one
        leaves."""
        room = self._length - 3
        for_first = tf.minimum(
            first.row_lengths(), room - tf.minimum(second.row_lengths(), tf.constant(room // 2, tf.int64))
        )
        return for_first, tf.minimum(second.row_lengths(), room - for_first)


def _mark(piece: str, name: str, places: tf.Tensor) -> Tokens:
    """A piece a text that stands nowhere in it."""
    at = tf.RaggedTensor.from_tensor(places[:, None])
    return Tokens.of(name, at.with_values(tf.fill(tf.shape(places), piece)), at, at)


def _characters(texts: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.strings.length(texts, unit="UTF8_CHAR"), tf.int64)


def _heads(ragged: tf.RaggedTensor, lengths: tf.Tensor) -> tf.RaggedTensor:
    """The first values of each row, as many as `lengths` says."""
    places = tf.ragged.range(ragged.row_lengths()).values
    rows = ragged.value_rowids()
    kept = tf.boolean_mask(ragged.values, places < tf.gather(lengths, rows))
    return tf.RaggedTensor.from_row_lengths(kept, lengths, validate=False)
