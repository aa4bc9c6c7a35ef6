"""The CSV reader against Python's csv module, on files made to be awkward."""

import csv
import io
import random
from pathlib import Path

import pytest

from components.transforms.readers import WHOLE, Source, csv_files
from components.transforms.readers.csv_files import CsvReader
from schemas.errors import DataError

PIECES = ['"', '""', ",", "\n", "\r\n", "\r", "a", "bc ", " ", "é", "\0", "文", "x" * 30]


def by_module(content: bytes, width: int) -> list[tuple[int, list[bytes] | None]]:
    """Line and fields of every row as the csv module has them; None for a ragged one."""
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", errors="surrogateescape", newline="")
    reader = csv.reader(text)
    found, line = [], 1
    for row in reader:
        if row:
            fields = [field.encode("utf-8", "surrogateescape").replace(b"\r\n", b"\n") for field in row]
            found.append((line, fields if len(row) == width else None))
        line = reader.line_num + 1
    return found


def by_us(path: Path, columns: tuple[str, ...]) -> list[tuple[int, list[bytes] | None]]:
    rows = CsvReader(columns=columns).rows(Source("train", str(path), path.name), WHOLE, columns)
    return [(row.line, None if row.defect else list(row.values)) for row in rows]  # type: ignore[arg-type]


@pytest.mark.parametrize("chunk", [1, 7, 64, 1 << 20])
def test_equal_to_the_csv_module(chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_files, "_CHUNK_BYTES", chunk)
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201
    rng = random.Random(seed)
    unterminated = 0
    for number in range(300):
        columns = ("a", "b", "c")[: rng.randrange(1, 4)]
        content = "".join(rng.choices(PIECES, k=rng.randrange(1, 60))).encode() + rng.choice((b"", b"\xff\n", b"z"))
        path = tmp_path / f"{number}.csv"
        path.write_bytes(content)
        try:
            found = by_us(path, columns)
        except DataError as error:
            assert "is never closed" in str(error)
            unterminated += 1
            assert by_module(content + b"\nEND\n", 1)[-1][1] != [b"END"]
            continue
        assert by_module(content + b"\nEND\n", 1)[-1][1] == [b"END"]
        assert found == by_module(content, len(columns)), content
    assert unterminated < 250


def test_ordinary_rows_with_embedded_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_files, "_CHUNK_BYTES", 50)
    rng = random.Random(5)
    buffer = io.StringIO()
    table = [["".join(rng.choices('ab,"\n é', k=rng.randrange(80))) for _ in range(3)] for _ in range(500)]
    csv.writer(buffer).writerows(table)
    path = tmp_path / "a.csv"
    path.write_bytes(buffer.getvalue().encode())
    assert by_us(path, ("a", "b", "c")) == by_module(path.read_bytes(), 3)
    assert len(by_us(path, ("a", "b", "c"))) == 500


def test_columns_are_picked_in_the_order_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'x,label,y,text\n1,earn,"2","t, u"\n')
    rows = list(CsvReader().rows(Source("train", str(path), "a.csv"), WHOLE, ("text", "label")))
    assert [(row.line, list(row.values)) for row in rows] == [(2, [b"t, u", b"earn"])]
