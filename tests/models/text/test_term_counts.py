import pickle
import random
from collections import Counter

import numpy as np
import pytest

from models.text import term_counts
from models.text.term_counts import TermCounts


def hashes_of(terms: list[bytes]) -> np.ndarray:
    """Hashes of which many share their low bits."""
    return np.array([int(term) << 20 | int(term) % 3 for term in terms], np.int64)


def add(accumulator: TermCounts, terms: list[bytes], counts: list[int] | None = None) -> None:
    given = None if counts is None else np.array(counts)
    accumulator.add(hashes_of(terms), given, lambda places: [terms[place] for place in places.tolist()])


def drawn(seed: int, size: int) -> list[bytes]:
    draw = random.Random(seed)
    return [str(int(draw.paretovariate(0.7)) % 50_000).encode() for _ in range(size)]


def test_counts_equal_python_s_whatever_the_collisions() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)  # noqa: T201
    accumulator, expected = TermCounts(), Counter[bytes]()
    for batch in range(5):
        terms = drawn(seed + batch, 5_000)
        add(accumulator, terms)
        expected.update(terms)
    assert dict(accumulator.frequent(1 << 20, 1)) == expected
    assert accumulator.frequent(7, 2) == sorted(expected.items(), key=lambda entry: (-entry[1], entry[0]))[:7]


def test_given_counts_are_summed() -> None:
    accumulator = TermCounts()
    add(accumulator, [b"1", b"2", b"1"], [5, 1, 1 << 40])
    assert accumulator.frequent(9, 1) == [(b"1", (1 << 40) + 5), (b"2", 1)]


def test_sending_changes_nothing() -> None:
    counts = TermCounts()
    add(counts, drawn(1, 4_000))
    sent = pickle.loads(pickle.dumps(counts))  # noqa: S301
    assert sent.frequent(1 << 20, 1) == counts.frequent(1 << 20, 1)


def test_the_rarest_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(term_counts, "MAX_TERMS", 100)
    accumulator = TermCounts()
    for batch in range(30):
        add(accumulator, [b"0"] * 3 + [str(1 + batch * 20 + i).encode() for i in range(20)])
        assert len(accumulator) <= 100
    assert accumulator.frequent(1, 1) == [(b"0", 90)]


def test_nothing_added_is_nothing_counted() -> None:
    accumulator = TermCounts()
    add(accumulator, [])
    assert accumulator.frequent(5, 1) == []
