"""What a folder remembers of its releases."""

from pathlib import Path

import pytest

from components.release.record import RECORD, ReleaseRecord, RolledBack
from schemas.errors import TrainworksError

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
