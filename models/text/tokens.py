"""What a text model reads of a text, and where in the text it stands."""

from typing import NamedTuple, Protocol, runtime_checkable

import tensorflow as tf


class Tokens(NamedTuple):
    """Words or pieces of texts in the order of their ids, all RaggedTensors `(batch_size, None)`.

    Attributes:
        words: string; what the vocabulary was asked for.
        starts: int64; the first character of each in its text, in code points.
        ends: int64; the character after its last. What stands nowhere in the text, such as `[CLS]`, has no length.
    """

    words: tf.RaggedTensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor


@runtime_checkable
class Tokenizer(Protocol):
    """Preprocessing that can tell what its ids stand for."""

    def tokens(self, texts: tf.Tensor) -> Tokens:
        """Tokens of string `(batch_size,)`; as many in each row as the text has `token_ids`."""


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
