"""The words of a batch of texts as hashes, without a loop over texts or words.

A token here is what splitting at white space, punctuation and symbols gives, in lower case; in scripts without spaces
(Han, Kana, Thai, ...) each letter is one. It is close to, not equal to, what a model's tokenizer sees: WordPiece, for
one, gives some 1.3 times as many for English.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.transforms.statistics import scripts

CHUNK = 1 << 17
"""Bytes that are looked at together. Of a longer text all words are counted, but those in its first 128 KiB hashed."""

_BASE = 0x9E3779B97F4A7C15
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)

Hashes = NDArray[np.uint64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Words:
    """Words of some texts of a batch.

    Args:
        texts: `(texts,)`, places of the texts in the batch.
        counts: `(texts,)`, words in each.
        hashes: `(hashed words,)`, in order.
        hashed: `(texts,)`, words of each that are in `hashes`.
        scripts: `(texts, 64)`, letters by script number.
    """

    texts: Integers
    counts: Integers
    hashes: Hashes
    hashed: Integers
    scripts: Integers


def mix(values: Hashes) -> Hashes:
    """A bijection of 64-bit words that spreads every bit over all others (SplitMix64's finalizer)."""
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))


def read_words(texts: Sequence[bytes]) -> Iterator[Words]:
    """The words of all texts, in chunks of some 128 KiB; texts in ASCII go a quick way."""
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    ascii_only = np.fromiter(map(bytes.isascii, texts), np.bool_, len(texts))
    for is_ascii in (True, False):
        places = np.flatnonzero(ascii_only == is_ascii)
        chunks = (np.cumsum(lengths[places]) - lengths[places]) // CHUNK
        for chunk in np.split(places, np.flatnonzero(np.diff(chunks)) + 1):
            if len(chunk):
                yield (_ascii_words if is_ascii else _unicode_words)([texts[place] for place in chunk.tolist()], chunk)


def _ascii_words(texts: list[bytes], places: Integers) -> Words:
    flat = b"\n".join(texts) + b"\n"
    offsets = _offsets(np.fromiter(map(len, texts), np.int64, len(texts)) + 1)
    symbols = np.frombuffer(flat.translate(scripts.ASCII_FOLD), np.uint8)
    inside = symbols != 0
    starts = _rising(inside)
    letters = np.zeros((len(texts), scripts.WIDTH), np.int64)
    letters[:, scripts.LATIN] = np.add.reduceat(symbols >= ord("a"), offsets[:-1], dtype=np.int32)
    return _words(places, symbols, starts, offsets, letters)


def _unicode_words(texts: list[bytes], places: Integers) -> Words:
    decoded = [text.decode("utf-8", "replace") for text in texts]
    offsets = _offsets(np.fromiter(map(len, decoded), np.int64, len(decoded)) + 1)
    flat = "\n".join(decoded) + "\n"
    codes = np.frombuffer(flat.encode("utf-32-le", "replace"), np.uint32)
    symbols, parts = scripts.fold_table()[codes], scripts.part_table()[codes]
    before = np.concatenate([np.zeros(1, np.uint8), parts[:-1]])
    fresh = (before == scripts.SEPARATOR) | (parts == scripts.LETTER)
    fresh |= (before == scripts.LETTER) & (parts == scripts.WORD)
    starts = np.flatnonzero((parts != scripts.SEPARATOR) & fresh)
    keys = np.repeat(np.arange(len(texts)), np.diff(offsets)) * scripts.WIDTH + scripts.script_table()[codes]
    letters = np.bincount(keys, minlength=len(texts) * scripts.WIDTH).reshape(len(texts), scripts.WIDTH)
    letters[:, :2] = 0
    return _words(places, symbols, starts, offsets, letters)


def _words(
    places: Integers, symbols: NDArray[np.unsignedinteger], starts: Integers, offsets: Integers, letters: Integers
) -> Words:
    counts = np.diff(np.searchsorted(starts, offsets))
    limit = min(len(symbols), int(offsets[-2]) + CHUNK)  # only the last text of a chunk can be longer than one
    hashed = np.diff(np.searchsorted(starts, np.minimum(offsets, limit)))
    return Words(places, counts, _hash_spans(symbols[:limit], starts[: int(hashed.sum())]), hashed, letters)


def _hash_spans(symbols: NDArray[np.unsignedinteger], starts: Integers) -> Hashes:
    """A hash of each word, wherever it stands: the polynomial hash of Karp and Rabin (1987), by prefix sums.

    What stands between words is zero, so a word's span may run to the start of the next.
    """
    if not len(starts):
        return np.empty(0, np.uint64)
    powers, inverses = _powers()
    sums = np.cumsum(np.multiply(symbols, powers[: len(symbols)], dtype=np.uint64), dtype=np.uint64)
    before = np.where(starts > 0, sums[starts - 1], np.uint64(0))
    ends = np.append(before[1:], sums[-1])
    return mix((ends - before) * inverses[starts])


@functools.cache
def _powers() -> tuple[Hashes, Hashes]:
    """Powers of an odd base and of its inverse, modulo 2**64."""
    steps = np.full((2, 2 * CHUNK), 1, np.uint64)
    steps[0, 1:], steps[1, 1:] = _BASE, pow(_BASE, -1, 1 << 64)
    np.cumprod(steps, axis=1, out=steps)
    return steps[0], steps[1]


def _rising(inside: NDArray[np.bool_]) -> Integers:
    starts = np.flatnonzero(inside[1:] > inside[:-1]) + 1
    return np.concatenate([np.zeros(1, np.int64), starts]) if inside[0] else starts


def _offsets(lengths: Integers) -> Integers:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
