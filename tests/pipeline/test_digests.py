"""Digests follow contents, and files are not read again while they stay as they are."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest

from pipeline.digests import DigestCache

_LONG_AGO = time.time() - 3600


class _Reads:
    """A fact that counts how often a file was read for it."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, path: Path) -> str:
        self.count += 1
        return path.read_text()


def test_a_files_digest_is_its_sha256(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"text,label\n")
    digests = DigestCache(tmp_path)
    assert digests.file_digest(file) == hashlib.sha256(b"text,label\n").hexdigest()
    file.write_bytes(b"text,LABEL\n")  # as long, within the clock's resolution
    assert digests.file_digest(file) == hashlib.sha256(b"text,LABEL\n").hexdigest()


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        DigestCache(tmp_path).file_digest(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        DigestCache(tmp_path).folder_digest(tmp_path / "none")


def test_it_remembers_the_digest_of_a_file_until_that_changes(tmp_path: Path) -> None:
    file, digests = tmp_path / "rows.csv", DigestCache(tmp_path, settled_after=0.0)
    assert not digests.remembers(file)
    file.write_text("one")
    assert not digests.remembers(file)
    digests.file_digest(file)
    assert digests.remembers(file)
    file.write_text("another")
    assert not digests.remembers(file)


def test_facts_are_remembered_over_processes(tmp_path: Path) -> None:
    file, reads = tmp_path / "file", _Reads()
    file.write_text("one")
    first = DigestCache(tmp_path, settled_after=0.0)
    assert [first.fact("text", file, reads) for _ in range(3)] == ["one"] * 3
    first.close()
    assert DigestCache(tmp_path, settled_after=0.0).fact("text", file, reads) == "one"
    assert reads.count == 1


@pytest.mark.parametrize("change", ["longer", "same length", "touched", "replaced", "times put back"])
def test_a_change_is_seen(tmp_path: Path, change: str) -> None:
    file, reads, digests = tmp_path / "file", _Reads(), DigestCache(tmp_path, settled_after=0.0)
    file.write_text("one")
    digests.fact("text", file, reads)
    before = file.stat()
    time.sleep(0.02)
    new = {"longer": "three", "touched": "one"}.get(change, "two")
    if change == "replaced":
        other = tmp_path / "other"
        other.write_text(new)
        other.replace(file)
    elif change == "touched":
        file.touch()
    else:
        file.write_text(new)
    if change in ("replaced", "times put back"):
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digests.fact("text", file, reads) == new
    assert reads.count == 2


def test_a_young_file_is_not_remembered(tmp_path: Path) -> None:
    file, reads, digests = tmp_path / "file", _Reads(), DigestCache(tmp_path)
    file.write_text("one")
    os.utime(file, (_LONG_AGO, _LONG_AGO))  # its time of change is now all the same
    digests.fact("text", file, reads)
    digests.fact("text", file, reads)
    assert reads.count == 2


@pytest.mark.parametrize("kept", ["", "{", "[]", '{"format": 1}', '{"format": "FORMAT", "facts": {"a": 1}}', "\0"])
def test_damaged_memory_is_ignored(tmp_path: Path, kept: str) -> None:
    written = json.loads(_kept(tmp_path))["format"]
    (tmp_path / "digests.json").write_text(kept.replace("FORMAT", written))
    file = tmp_path / "file"
    file.write_text("one")
    assert DigestCache(tmp_path).file_digest(file) == hashlib.sha256(b"one").hexdigest()


def _kept(folder: Path) -> str:
    digests = DigestCache(folder)
    digests._changed = True
    digests.close()
    return (folder / "digests.json").read_text()


def test_facts_about_files_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    digests = DigestCache(tmp_path, settled_after=0.0)
    for name in ("stays", "goes"):
        (tmp_path / name).write_text(name)
        digests.file_digest(tmp_path / name)
    (tmp_path / "goes").unlink()
    digests.close()
    assert [Path(key.split()[1]).name for key in json.loads((tmp_path / "digests.json").read_text())["facts"]] == [
        "stays"
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digests.json", "stays"]


def test_memory_that_cannot_be_written_is_only_slower(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("one")
    (tmp_path / "blocked").touch()
    digests = DigestCache(tmp_path / "blocked", settled_after=0.0)
    digests.file_digest(tmp_path / "file")
    digests.close()
    assert "digests.json cannot be written" in caplog.text


def test_a_folders_digest(tmp_path: Path) -> None:
    def folder(name: str, **files: str) -> str:
        for path, text in files.items():
            file = tmp_path / name / path.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return digests.folder_digest(tmp_path / name)

    digests = DigestCache(tmp_path)
    one = folder("one", a="1", sub__b="2")
    assert folder("same", sub__b="2", a="1") == one
    assert digests.file_digest(tmp_path / "one") == one
    others = [
        folder("content", a="1", sub__b="3"),
        folder("name", a="1", sub__c="2"),
        folder("place", a="1", b="2"),
        folder("more", a="1", sub__b="2", c=""),
        folder("swapped", a="2", sub__b="1"),
    ]
    assert len({one, *others}) == 6
    (tmp_path / "one" / "empty").mkdir()
    assert digests.folder_digest(tmp_path / "one") == one


def test_links_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "again").symlink_to(tmp_path / "folder")  # a circle
    (tmp_path / "file").write_text("one")
    (tmp_path / "folder" / "file").symlink_to(tmp_path / "file")
    digests = DigestCache(tmp_path)
    before = digests.folder_digest(tmp_path / "folder")
    (tmp_path / "file").write_text("two")
    assert digests.folder_digest(tmp_path / "folder") != before


def test_names_that_are_not_text(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe")).write_text("one")
    first = DigestCache(tmp_path, settled_after=0.0)
    digest = first.folder_digest(folder)
    first.close()
    assert DigestCache(tmp_path, settled_after=0.0).folder_digest(folder) == digest


def test_many_files_are_one_fact(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / name).write_text(name)
    names = ["a", "b", "gone", "a\0"]
    first = DigestCache(tmp_path, settled_after=0.0)
    digest = first.group_digest(folder, names)
    first.close()
    assert [key.split()[0] for key in json.loads((tmp_path / "digests.json").read_text())["facts"]] == ["group"]
    (folder / "c").write_text("is not among them")
    assert DigestCache(tmp_path, settled_after=0.0).group_digest(folder, names) == digest
    others = [first.group_digest(folder, other) for other in (["b", "a", "gone"], ["a", "b"], ["a", "b", "c"])]
    (folder / "gone").write_text("came")
    others.append(first.group_digest(folder, names))
    (folder / "b").write_text("B")
    others.append(first.group_digest(folder, names))
    assert len({digest, *others}) == 6


def test_a_group_is_not_read_again_while_its_files_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("one")
    os.mkfifo(tmp_path / "pipe")
    read: list[Path] = []

    def digest(path: Path) -> str:
        read.append(path)
        return path.read_text()

    monkeypatch.setattr("pipeline.digests.sha256", digest)
    digests = DigestCache(tmp_path, settled_after=0.0)
    found = {digests.group_digest(tmp_path, ["a", "pipe"]) for _ in range(3)}
    assert (len(found), read) == (1, [tmp_path / "a"])
    time.sleep(0.02)
    (tmp_path / "a").write_text("two")
    assert digests.group_digest(tmp_path, ["a", "pipe"]) not in found
    young = DigestCache(tmp_path)
    assert len({young.group_digest(tmp_path, ["a"]) for _ in range(2)}) == 1
    assert len(read) == 4  # twice for the young one
