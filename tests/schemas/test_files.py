import os
from pathlib import Path

import pytest

from schemas.files import replacing, sha256, sync, write_atomically


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "made" / "notes.txt"
    write_atomically(b"first", path)

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"first"
    with replacing(path) as file:
        file.write(b"second")
        file.flush()
        assert path.read_bytes() == b"first"
    assert path.read_bytes() == b"second"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_file_may_be_for_its_owner_alone(tmp_path: Path) -> None:
    write_atomically(b"secret", tmp_path / "keys.json", mode=0o600)
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    write_atomically(b"abc", tmp_path / "abc")  # the example of FIPS 180-2, appendix B.1
    assert sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    sync(tmp_path / "abc")
    sync(tmp_path)


def test_a_file_that_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "schema.pbtxt"
    write_atomically(b"old", path)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(b"new", path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("schema.pbtxt", b"old")]
