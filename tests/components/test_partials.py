"""Entries that a run keeps for the next: whole or not at all, and found by their key alone."""

import os
from pathlib import Path

import pytest

from components.partials import Partials, key_of


def test_keys_tell_parts_apart() -> None:
    assert key_of(content="a", settings=("b", 1)) == key_of(settings=["b", 1], content="a")
    assert len({key_of(content="a"), key_of(content="b"), key_of(content="a", code="a"), key_of(code="a")}) == 4


def test_an_entry_is_there_once_its_block_has_ended(tmp_path: Path) -> None:
    partials = Partials(tmp_path)
    with partials.adding("key") as folder:
        (folder / "result").write_text("1")
        assert partials.find("key") is None
    assert partials.find("key") == tmp_path / "key"
    assert (tmp_path / "key" / "result").read_text() == "1"


def test_an_entry_that_is_found_counts_as_used(tmp_path: Path) -> None:
    (tmp_path / "key").mkdir()
    os.utime(tmp_path / "key", (1, 1))
    assert Partials(tmp_path).find("key")
    assert (tmp_path / "key").stat().st_mtime > 1e9


def test_the_first_of_two_equal_entries_stays(tmp_path: Path) -> None:
    partials = Partials(tmp_path)
    with partials.adding("key") as one, partials.adding("key") as other:
        (one / "result").write_text("one")
        (other / "result").write_text("other")
    assert [path.read_text() for path in tmp_path.rglob("result")] == ["other"]
    assert list(tmp_path.iterdir()) == [tmp_path / "key"]


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Partials(tmp_path).adding("key") as folder:
        (folder / "result").write_text(str(1 / 0))
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_is_no_error(tmp_path: Path) -> None:
    with Partials(tmp_path / "missing" / "folder").adding("key"), Path("/dev/full").open("w") as full:
        full.write("x" * 100_000)
    assert list((tmp_path / "missing" / "folder").iterdir()) == []


def test_a_damaged_entry_is_forgotten(tmp_path: Path) -> None:
    partials = Partials(tmp_path)
    with partials.adding("key"):
        pass
    partials.discard("key")
    partials.discard("key")
    assert partials.find("key") is None
    assert list(tmp_path.iterdir()) == []
