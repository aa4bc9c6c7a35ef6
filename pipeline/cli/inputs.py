"""What a person gives a model to answer: texts, files, lines of standard input."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.prediction import Row
from schemas.errors import ConfigError


def check_files(inputs: Sequence[str]) -> None:
    """Raises ConfigError where an `@FILE` is not there; it costs nothing, and loading a model does."""
    for given in inputs:
        if given.startswith("@") and not Path(given[1:]).is_file():
            raise ConfigError(
                f"{given[1:]}: no such file. A text that begins with @ can be given on standard input, by `-`."
            )


def rows_of(given: Sequence[str], names: Sequence[str]) -> Iterator[Row]:
    """Each example's values by input name."""
    if len(names) == 1:
        yield from ({names[0]: text} for text in _texts(given))
        return
    row: dict[str, str] = {}
    for text in given:
        if text == "-" or text.startswith("@"):
            yield from (_from_json(line, names) for line in _texts([text]))
            continue
        name, equals, value = text.partition("=")
        if not equals or name not in names:
            raise ConfigError(f"This model takes {', '.join(f'{n}=...' for n in names)}. Received: {text}")
        if name in row:
            yield _whole(row, names)
            row = {}
        row[name] = value
    if row:
        yield _whole(row, names)


def _texts(given: Sequence[str]) -> Iterator[str]:
    for text in given:
        if text == "-":
            yield from (_line(line) for line in sys.stdin.buffer)
        elif text.startswith("@"):
            with Path(text[1:]).open("rb") as file:
                yield from (_line(line) for line in file)
        else:
            yield text


def _line(line: bytes) -> str:
    return line.decode("utf-8", errors="replace").rstrip("\r\n")


def _from_json(line: str, names: Sequence[str]) -> Row:
    try:
        values = json.loads(line)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise ConfigError(f"A line must be a JSON object with {', '.join(names)}. Received: {line[:80]}")
    return _whole({str(name): str(value) for name, value in values.items()}, names)


def _whole(row: dict[str, str], names: Sequence[str]) -> Row:
    if set(row) != set(names):
        raise ConfigError(f"An example must have {', '.join(names)}. Received: {', '.join(row)}")
    return row
