"""Which texts resemble each other: shingles, one-permutation MinHash, and bands to look for it.

Two texts are compared by the Jaccard similarity J of their sets of shingles, three words in a row (Broder, 1997). A
signature holds 42 minima from one permutation (Li, Owen and Zhang, "One Permutation Hashing", NIPS 2012) with empty
bins filled by rotation (Shrivastava and Li, "Densifying One Permutation Hashing", ICML 2014). Texts that agree in all
seven rows of any of six bands are called near duplicates; that happens with probability 1 - (1 - J**7)**6: 98 % at
J = 0.9, 76 % at 0.8, 40 % at 0.7, 5 % at 0.5 and 0.1 % at 0.3. In texts of fewer words than bins the bands are not
independent, and less is found.
"""

import numpy as np

from components.transforms.statistics.words import Hashes, Integers, Words, mix

SHINGLE = 3
BANDS = 6
ROWS = 7
BINS = BANDS * ROWS

_EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
_WEIGHTS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)


def band_hashes(words: Words) -> tuple[Integers, Hashes]:
    """Hashes of the bands of every text that has at least three words.

    Returns:
        Places of those texts in the batch `(texts,)`, and their bands `(texts, 6)`.
    """
    signatures = _minima(words)
    able = np.flatnonzero(words.hashed >= SHINGLE)
    signatures = _densify(signatures[able])
    rows = mix(signatures + mix(np.arange(BINS, dtype=np.uint64))).reshape(len(able), ROWS, BANDS)
    return words.texts[able], mix(rows.sum(axis=1, dtype=np.uint64))  # neighbours, alike in short texts, in other bands


def _minima(words: Words) -> Hashes:
    """The smallest shingle hash of each bin, `(texts, 42)`."""
    minima = np.full(len(words.counts) * BINS, _EMPTY)
    hashes = words.hashes
    if len(hashes) >= SHINGLE:
        texts = np.repeat(np.arange(len(words.counts)), words.hashed)
        shingles = mix(hashes[:-2] * _WEIGHTS[0] + hashes[1:-1] * _WEIGHTS[1] + hashes[2:] * _WEIGHTS[2])
        whole = texts[2:] == texts[:-2]
        bins = ((shingles >> np.uint64(32)) * np.uint64(BINS) >> np.uint64(32)).astype(np.int64)
        np.minimum.at(minima, (texts[2:] * BINS + bins)[whole], shingles[whole])
    return minima.reshape(-1, BINS)


def _densify(signatures: Hashes) -> Hashes:
    """Fills each empty bin from the next that is not, around the circle, with an offset for the distance."""
    columns = np.arange(BINS, dtype=np.uint8)
    nearest = np.where(signatures != _EMPTY, columns, np.uint8(BINS))
    nearest = np.minimum.accumulate(nearest[:, ::-1], axis=1)[:, ::-1]
    donors = np.where(nearest == BINS, nearest[:, :1], nearest)
    distances = np.where(donors < columns, donors + np.uint8(BINS), donors) - columns
    return np.take_along_axis(signatures, donors.astype(np.intp), axis=1) + distances * _WEIGHTS[0]
