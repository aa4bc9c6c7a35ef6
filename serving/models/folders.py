"""Versions of a model on disk: `<base_path>/<version>/`, a number a folder."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LARGEST: Final = (1 << 63) - 1

Stamp = tuple[tuple[str, int, int], ...]
"""Path, bytes and time of change of every file: another one means that something has changed."""


def versions_in(base_path: Path) -> dict[int, Path]:
    """Version to folder. Names that are no numbers are nobody's concern; of `1` and `01` one is taken.

    Raises:
        OSError: the folder cannot be read.
    """
    found = dict[int, Path]()
    for entry in os.scandir(base_path):
        if entry.name.isascii() and entry.name.isdigit() and int(entry.name) <= _LARGEST and entry.is_dir():
            found[int(entry.name)] = Path(entry.path)
    return found


def stamp_of(folder: Path) -> Stamp:
    """What a version's folder looks like now.

    Raises:
        OSError: it cannot be read, or changes meanwhile.
    """
    return tuple(sorted(_stamps(str(folder))))


def _stamps(folder: str) -> Iterator[tuple[str, int, int]]:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from _stamps(entry.path)
        else:
            status = entry.stat()
            yield entry.path, status.st_size, status.st_mtime_ns
