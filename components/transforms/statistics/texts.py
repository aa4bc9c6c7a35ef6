"""What statistics say of a text feature beyond those of a string: token lengths, scripts, empty texts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from components.transforms.statistics.minhash import BANDS, band_hashes
from components.transforms.statistics.numbers import Distribution, Integers, Moments
from components.transforms.statistics.scripts import WIDTH
from components.transforms.statistics.sources import first_sources
from components.transforms.statistics.words import Hashes, read_words

NEAR_EMPTY = 2
"""Texts with at most so many tokens say next to nothing."""


@dataclass(frozen=True)
class TextBatch:
    """What the words of a batch of texts give.

    Args:
        tokens: `(texts,)`, tokens of each text.
        letters: `(texts, 64)`, letters by script number.
        bands: `(texts, 6)`, hashes of the bands; see `minhash`.
        banded: `(texts,)`, whether a text is long enough for bands.
    """

    tokens: Integers
    letters: Integers
    bands: Hashes
    banded: np.ndarray


def examine(texts: Sequence[bytes]) -> TextBatch:
    """Looks at the words of a batch of texts once."""
    count = len(texts)
    batch = TextBatch(
        np.zeros(count, np.int64),
        np.zeros((count, WIDTH), np.int64),
        np.zeros((count, BANDS), np.uint64),
        np.zeros(count, np.bool_),
    )
    for words in read_words(texts):
        batch.tokens[words.texts] = words.counts
        batch.letters[words.texts] = words.scripts
        places, bands = band_hashes(words)
        batch.bands[places], batch.banded[places] = bands, True
    return batch


def _no_scripts() -> Integers:
    return np.zeros(WIDTH, np.int64)


@dataclass
class TextStatistics:
    """Accumulates texts. `empty` counts texts without a token, `near_empty` those with one or two."""

    tokens: Distribution = field(default_factory=Distribution)
    token_moments: Moments = field(default_factory=Moments)
    letters: Integers = field(default_factory=_no_scripts)
    """Letters by script number."""
    texts_with: Integers = field(default_factory=_no_scripts)
    """Texts that hold a letter of a script, by script number."""
    empty: int = 0
    empty_rows: list[bytes] = field(default_factory=list)
    near_empty: int = 0
    near_empty_rows: list[bytes] = field(default_factory=list)

    def add(self, batch: TextBatch, sources: np.ndarray) -> None:
        """Adds a batch; `sources` are the texts' origins, `(texts,)`."""
        self.tokens.add(batch.tokens)
        self.token_moments.add(batch.tokens)
        self.letters += batch.letters.sum(axis=0)
        self.texts_with += (batch.letters > 0).sum(axis=0)
        empty = np.flatnonzero(batch.tokens == 0)
        near_empty = np.flatnonzero((batch.tokens > 0) & (batch.tokens <= NEAR_EMPTY))
        self.empty += len(empty)
        self.near_empty += len(near_empty)
        self.empty_rows = first_sources([*self.empty_rows, *sources[empty].tolist()])
        self.near_empty_rows = first_sources([*self.near_empty_rows, *sources[near_empty].tolist()])

    def merge(self, other: "TextStatistics") -> None:
        self.tokens.merge(other.tokens)
        self.token_moments.merge(other.token_moments)
        self.letters = self.letters + other.letters
        self.texts_with = self.texts_with + other.texts_with
        self.empty += other.empty
        self.near_empty += other.near_empty
        self.empty_rows = first_sources([*self.empty_rows, *other.empty_rows])
        self.near_empty_rows = first_sources([*self.near_empty_rows, *other.near_empty_rows])
