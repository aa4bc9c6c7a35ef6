"""What a text model reads of a text, and where in the text it stands."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol, Self, runtime_checkable

import tensorflow as tf

from models.text.words import valid_utf8, words_with_offsets


class Tokens(NamedTuple):
    """Words or pieces of texts in the order of their ids, all RaggedTensors `(batch_size, None)`.

    Attributes:
        words: string; what the vocabulary was asked for.
        starts: int64; the first character of each in its text, in code points.
        ends: int64; the character after its last. What stands nowhere in the text, such as `[CLS]`, has no length.
        features: string; the name of the feature whose text that is.
    """

    words: tf.RaggedTensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor
    features: tf.RaggedTensor

    @classmethod
    def of(cls, name: str, words: tf.RaggedTensor, starts: tf.RaggedTensor, ends: tf.RaggedTensor) -> Self:
        """Of the feature of that name."""
        return cls(words, starts, ends, words.with_values(tf.fill(tf.shape(words.values), name)))

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """Those of several texts, or parts of texts, one after the other."""
        return cls(*(tf.concat(columns, axis=1) for columns in zip(*parts, strict=True)))

    def mapped(self, change: Callable[[tf.RaggedTensor], tf.RaggedTensor]) -> Self:
        """The same change of all four, such as a cut."""
        return type(self)(*map(change, self))


@runtime_checkable
class Tokenizer(Protocol):
    """Preprocessing that can tell what its ids stand for."""

    def tokens(self, batch: Mapping[str, tf.Tensor]) -> Tokens:
        """Tokens of a raw batch, each feature string `(batch_size,)`; as many in each row as it has `token_ids`."""


def words_of(batch: Mapping[str, tf.Tensor], features: Sequence[str]) -> Tokens:
    """The words of `join_features`, each in its own feature's text."""
    return Tokens.joined(_words(name, valid_utf8(batch[name])) for name in features)


def _words(name: str, texts: tf.Tensor) -> Tokens:
    words, *places = words_with_offsets(texts)
    return Tokens.of(name, words, *(in_characters(texts, place) for place in places))


def in_characters(texts: tf.Tensor, places: tf.RaggedTensor) -> tf.RaggedTensor:
    """Offsets in code points, int64, of offsets in bytes that stand at the beginnings of characters.

    Args:
        texts: string `(batch_size,)`, valid UTF-8.
        places: int64 `(batch_size, None)`.
    """
    _, firsts = tf.strings.unicode_decode_with_offsets(texts, "UTF-8")
    beyond = tf.reduce_max(tf.cast(tf.strings.length(texts), tf.int64), keepdims=True)[0] + 1
    # One search for all texts: each has a range of numbers of its own.
    characters = firsts.value_rowids() * beyond + firsts.values
    found = tf.searchsorted(characters, places.value_rowids() * beyond + places.values, out_type=tf.int64)
    return places.with_values(found - tf.gather(firsts.row_starts(), places.value_rowids()))
