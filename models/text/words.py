"""Splitting text into words, for any script, with ops that stock TF Serving has.

Text is normalized as BERT's uncased models do it (lower case, accents removed, control characters dropped), punctuation
and symbols become words of their own, and so does each character of the scripts that are written without spaces; then
words are what stands between spaces.
"""

from collections.abc import Mapping, Sequence
from functools import cache

import tensorflow as tf
import tensorflow_text

_SPACELESS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_ALONE = rf"([!-/:-@\[-`{{-~\p{{P}}\p{{S}}{_SPACELESS}])"
"""RE2: ASCII punctuation, Unicode punctuation and symbols, and characters that stand alone."""


@cache
def _normalizer() -> tensorflow_text.FastBertNormalizer:
    """One for all graphs, so its table must not belong to the graph that happens to be traced first."""
    with tf.init_scope():
        return tensorflow_text.FastBertNormalizer(lower_case_nfd_strip_accents=True)


def split_words(texts: tf.Tensor) -> tf.RaggedTensor:
    """Words of texts.

    Args:
        texts: string `(batch_size,)`, UTF-8; invalid bytes are replaced by U+FFFD.

    Returns:
        String RaggedTensor `(batch_size, None)`; an empty text has no words.
    """
    valid = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    return tf.strings.split(tf.strings.regex_replace(_normalizer().normalize(valid), _ALONE, r" \1 "))


def join_features(batch: Mapping[str, tf.Tensor], features: Sequence[str]) -> tf.Tensor:
    """One text of several features, in their order, string `(batch_size,)`."""
    if len(features) == 1:
        return batch[features[0]]
    return tf.strings.join([batch[name] for name in features], separator=" \n ")
