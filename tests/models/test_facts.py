from pathlib import Path

import numpy as np
import pytest

from models.facts import load_facts, save_facts
from schemas.errors import TrainworksError


def test_facts_come_back_as_they_were(tmp_path: Path) -> None:
    facts = {
        "words": ["the", "\u2028", "股", "a\rb"],
        "none": [],
        "idf": np.array([1.5, 2], np.float32),
        "n": 3,
        "x": 0.5,
    }
    save_facts(tmp_path / "facts", facts)
    again = load_facts(tmp_path / "facts")
    np.testing.assert_array_equal(again.pop("idf"), facts.pop("idf"))
    assert again == facts


def test_a_word_with_a_line_feed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainworksError, match="`words` must not hold line feeds"):
        save_facts(tmp_path / "facts", {"words": ["a\nb"]})


def test_facts_may_be_written_again(tmp_path: Path) -> None:
    """As a Beam runner does that retries a worker, or runs two for the same work."""
    facts = {"words": ["a"], "idf": np.array([1.5], np.float32), "n": 3}
    for _ in range(2):
        save_facts(tmp_path / "facts", facts)
        contents = {path.name: path.read_bytes() for path in (tmp_path / "facts").iterdir()}
        assert sorted(contents) == ["idf.npy", "numbers.json", "words.txt"]
        assert contents["words.txt"] == b"a\n"
