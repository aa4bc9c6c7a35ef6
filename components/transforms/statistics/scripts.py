"""What Unicode says about each code point, as lookup tables: its script, its part in a word, its lower case."""

import functools
import unicodedata
from typing import Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

_CODE_POINTS: Final = 0x110000
_PLANE: Final = 0x10000

SCRIPTS: Final[dict[int, str]] = {
    2: "Arabic",
    3: "Armenian",
    4: "Bengali",
    5: "Bopomofo",
    6: "Cherokee",
    8: "Cyrillic",
    10: "Devanagari",
    11: "Ethiopic",
    12: "Georgian",
    14: "Greek",
    15: "Gujarati",
    16: "Gurmukhi",
    17: "Han",
    18: "Hangul",
    19: "Hebrew",
    20: "Hiragana",
    21: "Kannada",
    22: "Katakana",
    23: "Khmer",
    24: "Lao",
    25: "Latin",
    26: "Malayalam",
    27: "Mongolian",
    28: "Myanmar",
    31: "Oriya",
    33: "Sinhala",
    34: "Syriac",
    35: "Tamil",
    36: "Telugu",
    37: "Thaana",
    38: "Thai",
    39: "Tibetan",
    41: "Yi",
    63: "Other",
}
"""ICU's numbers of the scripts in living use (`UScriptCode` in unicode/uscript.h); 63 stands for all the rest."""

LATIN: Final = 25
WIDTH: Final = 64
"""Script numbers lie below this; 0 and 1 (Common, Inherited) are digits, punctuation, marks: no script of their own."""

SPACELESS: Final = (5, 17, 20, 22, 23, 24, 28, 38, 39, 41)
"""Scripts written without spaces between words: each of their letters is a token."""

SEPARATOR, WORD, LETTER, MARK = 0, 1, 2, 3
"""Parts that a code point plays: between words, in a word, a word by itself, attached to what stands before it."""


@functools.cache
def script_table() -> NDArray[np.uint8]:
    """Script number of every code point."""
    codes = tf.strings.unicode_script(tf.range(_CODE_POINTS, dtype=tf.int32)).numpy()
    known = np.zeros(codes.max() + 1, np.uint8) + 63
    known[[0, 1, *SCRIPTS]] = [0, 1, *SCRIPTS]
    return known[np.maximum(codes, 0)]


@functools.cache
def part_table() -> NDArray[np.uint8]:
    """Part of every code point: letters, marks and numbers make words, and all else separates them."""
    scripts = script_table()
    parts = np.where(scripts > 1, WORD, SEPARATOR).astype(np.uint8)
    categories = [unicodedata.category(chr(code))[0] for code in range(_PLANE)]
    by_category = {"L": WORD, "N": WORD, "M": MARK}
    parts[:_PLANE] = [by_category.get(category, SEPARATOR) for category in categories]
    parts[np.isin(scripts, SPACELESS) & (parts == WORD)] = LETTER
    return parts


@functools.cache
def fold_table() -> NDArray[np.uint32]:
    """Lower case of every code point, where that is one code point; separators become 0."""
    folded = np.arange(_CODE_POINTS, dtype=np.uint32)
    lower = [chr(code).lower() for code in range(_PLANE)]
    folded[:_PLANE] = [ord(text) if len(text) == 1 else code for code, text in enumerate(lower)]
    folded[part_table() == SEPARATOR] = 0
    return folded


ASCII_FOLD: Final = bytes(ord(chr(code).lower()) if chr(code).isalnum() else 0 for code in range(128)) + bytes(128)
"""`fold_table` for `bytes.translate`."""
