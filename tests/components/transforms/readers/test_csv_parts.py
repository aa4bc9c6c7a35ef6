"""Large csv files in parts against the same files read as one."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.transforms.readers import WHOLE, Part, Row, Source, WrongCutError, csv_files, csv_parts
from components.transforms.readers.csv_files import CsvReader
from components.transforms.readers.csv_parts import number_of_parts, parts_of
from schemas.errors import DataError

PIECES = ['"', '"a,\n"', '"""b"""', '"\r\n"', ",", "\n", "\r\n", "\r", "c", "é", "\0", "文", "x" * 30]
COLUMNS = ("a", "b")


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_parts, "PART_BYTES", 30)


def source(path: Path, content: bytes) -> Source:
    path.write_bytes(content)
    return Source("train", str(path), path.name)


def rows(file: Source, *parts: Part) -> Iterator[Row]:
    for part in parts:
        yield from CsvReader().rows(file, part, COLUMNS)


def ends(content: bytes, parts: list[Part]) -> list[bytes]:
    """What each part but the last ends with."""
    return [content[part.first : part.last][-3:] for part in parts[:-1]]


@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_parts_say_what_the_file_says_or_that_they_do_not(
    chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files, "_CHUNK_BYTES", chunk)
    monkeypatch.setattr(csv_parts, "_CHUNK_BYTES", chunk)
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    found = {"equal": 0, "wrong cut": 0, "unreadable": 0}
    for number in range(400):
        quotes = chance.choice((PIECES, PIECES[1:]))
        content = "a,b\n" + "".join(chance.choices(quotes, k=chance.randrange(20, 120)))
        file = source(tmp_path / f"{number}.csv", content.encode() + chance.choice((b"", b"\xff\n", b"z")))
        parts = list(parts_of(file))
        try:
            expected = list(rows(file, WHOLE))
        except DataError as error:
            assert "is never closed" in str(error)
            with pytest.raises((DataError, WrongCutError)):
                list(rows(file, *parts))
            found["unreadable"] += 1
            continue
        try:
            assert list(rows(file, *parts)) == expected, content
            found["equal"] += len(parts) > 1
        except WrongCutError:
            found["wrong cut"] += 1
    assert min(found.values()) > 5, found


def test_a_file_is_cut_behind_line_ends_outside_quotes(tmp_path: Path) -> None:
    content = b"a,b\n" + b'1,"line\nline\n"\r\n' * 10
    file = source(tmp_path / "a.csv", content)

    parts = list(parts_of(file))

    assert number_of_parts(tmp_path / "a.csv") == len(parts) == 6
    assert ends(content, parts) == [b'"\r\n'] * 5
    assert [part.first for part in parts] == [0, *(part.last for part in parts[:-1])]
    assert parts[-1].last == 0
    assert [part.offset for part in parts] == [content[: part.first].count(b"\n") for part in parts]
    assert [row.line for row in rows(file, parts[1])] == [8, 11]
    assert list(rows(file, *parts)) == list(rows(file, WHOLE))


def test_quotes_that_enclose_nothing_are_found_out_by_the_part_before_the_cut(tmp_path: Path) -> None:
    file = source(tmp_path / "a.csv", b'a,b\n5" screen,1\n' + b'"one\ntwo",2\n' * 8)
    first, *_ = parts_of(file)

    with pytest.raises(WrongCutError):
        list(rows(file, first))
    assert len(list(rows(file, WHOLE))) == 9


def test_small_and_packed_files_stay_whole(tmp_path: Path) -> None:
    (tmp_path / "b.csv.gz").write_bytes(b"\n" * 1000)

    assert list(parts_of(source(tmp_path / "a.csv", b"a,b\n" * 14))) == [WHOLE]
    assert list(parts_of(source(tmp_path / "c.csv", b"a,b\r" * 40))) == [WHOLE]
    assert number_of_parts(tmp_path / "b.csv.gz") == 1
    assert number_of_parts(tmp_path / "none.csv") == 1
