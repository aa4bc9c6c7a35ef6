"""What a model reads of a text that is made of several words, and of which."""

from typing import NamedTuple, Protocol, runtime_checkable

import tensorflow as tf

from models.text.tokens import Tokenizer


class Terms(NamedTuple):
    """Occurrences of terms in texts, all RaggedTensors `(batch_size, None)`.

    Attributes:
        ids: int64; 0 for a term that the model does not know.
        weights: float32; those of a term that occurs several times sum to the one that the model takes it with.
        firsts: int64; the place among the text's tokens of its first word.
        lengths: int64; how many words it has, one after the other.
    """

    ids: tf.RaggedTensor
    weights: tf.RaggedTensor
    firsts: tf.RaggedTensor
    lengths: tf.RaggedTensor


@runtime_checkable
class TermTokenizer(Tokenizer, Protocol):
    """Preprocessing that can tell what words its terms are made of."""

    def terms(self, words: tf.RaggedTensor) -> Terms:
        """Terms of tokens' `words`."""
