import random
from collections import Counter

import numpy as np
import pytest

from models.text import term_counts, term_table
from models.text.term_counts import TermCounts
from models.text.term_table import TermTable
from tests.models.text.test_term_counts import add, drawn


def table(terms: list[bytes]) -> TermTable:
    counts = TermCounts()
    add(counts, terms)
    return TermTable.of(counts)


@pytest.mark.parametrize("at_once", [1, 300, 1 << 18])
def test_merged_tables_equal_counting_all(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(term_table, "_MERGED_AT_ONCE", at_once)
    monkeypatch.setattr(term_table, "_COPIED_AT_ONCE", 7 * at_once)
    seed = random.randrange(1 << 32)
    print("seed", seed)  # noqa: T201
    parts = [drawn(seed + part, random.randrange(2_000)) for part in range(9)]
    merged = TermTable.merged(map(table, parts))
    expected = Counter(term for part in parts for term in part)
    assert dict(merged.frequent(1 << 20, 1)) == expected
    ranked = sorted(expected.items(), key=lambda entry: (-entry[1], entry[0]))
    for size, least in ((1, 1), (7, 2), (500, 1), (len(expected), 3)):
        assert merged.frequent(size, least) == [entry for entry in ranked if entry[1] >= least][:size]


def test_every_order_gives_the_same_bytes() -> None:
    parts = [drawn(part, 1_000) for part in range(5)]
    one, other = (TermTable.merged(map(table, order)).arrays() for order in (parts, parts[::-1]))
    assert {name: array.tobytes() for name, array in one.items()} == {
        name: array.tobytes() for name, array in other.items()
    }


def test_the_rarest_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(term_counts, "MAX_TERMS", 100)
    monkeypatch.setattr(term_table, "_MERGED_AT_ONCE", 1)
    parts = [[b"0"] * 3 + [str(1 + part * 20 + i).encode() for i in range(20)] for part in range(30)]
    merged = TermTable.merged(map(table, parts))
    assert len(merged) <= 100
    assert merged.frequent(1, 1) == [(b"0", 90)]


def test_an_empty_table() -> None:
    merged = TermTable.merged([table([]), table([])])
    assert (len(merged), merged.frequent(5, 1), merged.frequent(0, 1)) == (0, [], [])
    assert TermTable.merged([]).content.dtype == np.uint8
    assert TermTable.merged([merged, table([b"3"])]).frequent(5, 1) == [(b"3", 1)]
