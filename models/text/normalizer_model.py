"""What tensorflow_text's normalizer knows of Unicode, as it makes it: in a fifth of a second.

Made where this is imported, without TensorFlow's runtime, so that processes that are forked afterwards all have it.
"""

from typing import Final

from tensorflow_text.core.pybinds.pywrap_fast_bert_normalizer_model_builder import build_fast_bert_normalizer_model

LOWER_CASE_WITHOUT_ACCENTS: Final[bytes] = build_fast_bert_normalizer_model(True)
