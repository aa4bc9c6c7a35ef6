"""Archives: what is written is read, and nothing else is."""

from pathlib import Path

import numpy as np
import pytest

from components.transforms.archive import ArchiveError, ArchiveWriter, read_archive

GROUPS = [
    ("first", {"numbers": np.arange(5), "words": np.array([b"a", b"longer"])}),
    (["any", {"json": 1 << 200}], {}),
    (None, {"empty": np.empty((0, 4), np.uint64)}),
]


def written(path: Path, key: str = "key") -> Path:
    with ArchiveWriter(path, key) as archive:
        for said, arrays in GROUPS:
            archive.add(said, arrays)
    return path


def test_groups_come_back_in_order(tmp_path: Path) -> None:
    found = list(read_archive(written(tmp_path / "archive"), "key"))
    assert [said for said, _ in found] == [said for said, _ in GROUPS]
    for (_, arrays), (_, expected) in zip(found, GROUPS, strict=True):
        assert sorted(arrays) == sorted(expected)
        for name, array in arrays.items():
            assert array.dtype == expected[name].dtype
            np.testing.assert_array_equal(array, expected[name])


def test_every_changed_byte_of_the_content_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path / "archive")
    content = path.read_bytes()
    start = content.index(b"\x93NUMPY")
    for place in range(start, start + 128 + GROUPS[0][1]["numbers"].nbytes, 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(ArchiveError):
            list(read_archive(path, "key"))


@pytest.mark.parametrize("length", [0, 1, 100, -1, -30])
def test_a_file_that_is_cut_off_is_none(length: int, tmp_path: Path) -> None:
    path = written(tmp_path / "archive")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ArchiveError, match="is damaged"):
        list(read_archive(path, "key"))


def test_what_stands_for_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="holds something else"):
        list(read_archive(written(tmp_path / "archive", "another key"), "key"))


def test_objects_are_neither_written_nor_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle=False"), ArchiveWriter(tmp_path / "archive", "key") as archive:
        archive.add(None, {"objects": np.array([object()], object)})


def test_a_disk_that_refuses_is_told_at_the_end(tmp_path: Path) -> None:
    seen = []
    with pytest.raises(OSError, match="No such file"), ArchiveWriter(tmp_path / "gone" / "archive", "key") as archive:
        for said, arrays in GROUPS:
            archive.add(said, arrays)
            seen.append(said)
    assert len(seen) == len(GROUPS)
