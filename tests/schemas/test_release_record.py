"""What a folder remembers of its releases."""

from pathlib import Path

import pytest

from schemas.errors import TrainworksError
from schemas.release_record import RECORD, ReleaseRecord, RolledBack

BAD = RolledBack(version=3, digest="c" * 64, at="2026-11-25T03:00:00+00:00", reason="wrong topics")


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert ReleaseRecord.read(tmp_path) == ReleaseRecord()
    record = ReleaseRecord().with_rolled_back([BAD])
    record.write(tmp_path)
    assert ReleaseRecord.read(tmp_path) == record
    assert [path.name for path in tmp_path.iterdir()] == [RECORD]


def test_a_model_is_there_once_and_can_be_forgiven() -> None:
    again = BAD.model_copy(update={"version": 4})
    record = ReleaseRecord().with_rolled_back([BAD]).with_rolled_back([again])
    assert record.rolled_back == (BAD,)
    assert (record.entry(BAD.digest), record.entry("d" * 64)) == (BAD, None)
    assert record.forgiven("d" * 64) == record
    assert record.forgiven(BAD.digest) == ReleaseRecord()


@pytest.mark.parametrize("content", ["", "{", '{"rolled_back": [{"version": "three"}]}'])
def test_what_cannot_be_read_is_not_taken_for_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / RECORD).write_text(content)
    with pytest.raises(TrainworksError, match=r"\.release\.json must be the record of releases"):
        ReleaseRecord.read(tmp_path)


def test_a_candidates_way() -> None:
    record = ReleaseRecord().with_pushed(1, None)
    assert (record.labels, record.live([1]), record.serving([1, 2])) == ({"stable": 1}, (1,), 1)
    record = record.with_pushed(2, None)
    assert (record.labels, record.live([1, 2])) == ({"stable": 1}, (1, 2))
    record = record.labelled(5.0)
    assert record.labels == {"stable": 1, "canary": 2}
    assert record.rejected().labels == {"stable": 1}
    record = record.promoted()
    assert (record.labels, record.live([1, 2])) == ({"stable": 2}, (2, 1))  # what was stable stays loaded
    record = record.with_pushed(3, None)
    assert (record.labels, record.live([1, 2, 3])) == ({"stable": 2}, (2, 3))
    assert record.rejected().with_stable(1).live([1, 2, 3]) == (1,)


def test_without_labels_the_newest_serves() -> None:
    record = ReleaseRecord()
    assert (record.labels, record.live([1, 3, 2]), record.serving([1, 3, 2])) == ({}, (3,), 3)
    assert (record.live([]), record.serving([])) == ((), None)
    assert ReleaseRecord(stable=2, candidate=3, rolled_back=(BAD,)).without_labels() == ReleaseRecord(
        rolled_back=(BAD,)
    )
