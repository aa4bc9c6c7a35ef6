"""Texts as a network reads them, beside what its ids stand for."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from models.padding import pad
from models.text.tokens import Tokenizer


class Reading:
    """From texts to model inputs and tokens, in one function for all graphs that ask, which is in the file once.

    Args:
        name: of the feature.
        preprocess: from raw features to model inputs.
        tokenizer: tells what the ids stand for.
    """

    def __init__(
        self,
        name: str,
        preprocess: Callable[[Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]],
        tokenizer: Tokenizer,
    ) -> None:
        def read(texts: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
            words, starts, ends = tokenizer.tokens(texts)
            return pad(preprocess({name: texts})), pad({"tokens": words, "starts": starts, "ends": ends})

        self.name = name
        self._read = tf.function(read, input_signature=[tf.TensorSpec((None,), tf.string)], autograph=False)

    def __call__(self, texts: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        """Model inputs, padded; and `tokens` string, `starts` and `ends` int64 (see `models/text/tokens.py`), each
        `(batch_size, length)`, with empty tokens after the end of a shorter text."""
        return self._read(texts)
