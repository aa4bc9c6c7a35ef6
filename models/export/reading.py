"""Texts as a network reads them, beside what its ids stand for."""

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from models.padding import pad
from models.text.tokens import Tokenizer, Tokens


class Reading:
    """From texts to model inputs and tokens, in one function for all graphs that ask, which is in the file once.

    Args:
        features: their names.
        preprocess: from raw features to model inputs.
        tokenizer: tells what the ids stand for.
    """

    def __init__(
        self,
        features: Sequence[str],
        preprocess: Callable[[Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]],
        tokenizer: Tokenizer,
    ) -> None:
        names = tuple(features)

        def read(*texts: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
            batch = dict(zip(names, texts, strict=True))
            return pad(preprocess(batch)), told(tokenizer.tokens(batch), several=len(names) > 1)

        self.features = names
        self._read = tf.function(
            read, input_signature=[tf.TensorSpec((None,), tf.string)] * len(names), autograph=False
        )

    def __call__(self, features: Mapping[str, tf.Tensor]) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        """Model inputs, padded, and the tokens as clients are told them."""
        return self._read(*(features[name] for name in self.features))


def told(tokens: Tokens, *, several: bool) -> dict[str, tf.Tensor]:
    """Tokens as clients are told them.

    Returns:
        `tokens` string, `starts` and `ends` int64 (see `models/text/tokens.py`), and of several texts `features`
        string, the one that each token is of; each `(batch_size, length)`, with empty tokens after the end of a shorter
        text.
    """
    columns = {"tokens": tokens.words, "starts": tokens.starts, "ends": tokens.ends}
    return pad({**columns, "features": tokens.features} if several else columns)
