"""JSON lines: one object a line (https://jsonlines.org); a blank line is no row, a broken one is counted."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from components.transforms.readers import (
    MAX_FIELD_BYTES,
    PROBED_ROWS,
    WHOLE,
    Part,
    Row,
    Source,
    empty,
    opened,
    probe_rows,
    too_long,
)
from schemas.errors import DataError
from schemas.ingestion import FeatureType

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class JsonlReader:
    """Bytes that are not UTF-8 come through as surrogates, for the column's conversion to find and count."""

    def probe(self, source: Source) -> Mapping[str, FeatureType | None]:
        lines = islice(_lines(source), PROBED_ROWS)
        columns = probe_rows(row for _, line in lines if (row := _object(line)) is not None)
        if not columns:
            raise DataError(
                f"`{source.shown}` has no JSON object in its first {PROBED_ROWS} lines. "
                'Format `jsonl` is one object a line, such as {"text": "...", "label": "..."}.'
            )
        return columns

    def parts(self, source: Source) -> Iterator[Part]:
        yield WHOLE

    def rows(self, source: Source, part: Part, columns: Sequence[str]) -> Iterator[Row]:
        for number, line in _lines(source):
            row = _object(line)
            if row is None:
                yield Row(number, defect="malformed_row")
            else:
                yield Row(number, [row.get(name) for name in columns])


def _lines(source: Source) -> Iterator[tuple[int, bytes]]:
    """Numbered lines, from 1, without the blank ones."""
    with opened(source) as file:
        number = 0
        while line := file.readline(MAX_FIELD_BYTES + 1):
            number += 1
            if len(line) > MAX_FIELD_BYTES:
                raise too_long(source, number, "a line")
            if number == 1:
                line = line.removeprefix(_BOM)
            if line.strip():
                yield number, line
        if number == 0:
            raise empty(source)


def _object(line: bytes) -> dict[str, object] | None:
    """The line's JSON object; None when it is not one. A number of thousands of digits is a ValueError, too."""
    try:
        row = json.loads(line.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None
