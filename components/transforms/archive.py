"""Arrays with a few words about each group of them, in one file that cannot run code and shows its own damage.

A zip file of `.npy` and `.json` members: any tool reads it, and its checksums tell a file that a power cut left
half-written. Groups are written one after the other, and read the same way, so that memory need not hold them all.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

_FORMAT: Final = 1
_NAME: Final = "archive.json"

Group = tuple[Any, dict[str, np.ndarray]]
"""What is said, of JSON's types, and the arrays that it is said of, by name."""


class ArchiveError(ValueError):
    """A file is no archive, is damaged, or holds something else than what was asked for."""


class ArchiveWriter:
    """Writes an archive, to be used in a `with` statement.

    What the disk refuses is raised at the end, as an OSError: until then whoever hands groups on need not care.

    Args:
        path: the file to write.
        key: what is in it.
    """

    def __init__(self, path: Path, key: str) -> None:
        self._path, self._key = path, key
        self._file: zipfile.ZipFile | None = None
        self._groups = 0
        self._refused: OSError | None = None

    def __enter__(self) -> Self:
        return self

    def add(self, said: Any, arrays: Mapping[str, np.ndarray]) -> None:
        """Appends a group."""
        if self._refused:
            return
        try:
            self._write(said, arrays)
        except OSError as error:
            self._refused = error

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if self._file:
                self._file.writestr(_NAME, json.dumps({"format": _FORMAT, "key": self._key, "groups": self._groups}))
                self._file.close()
        except OSError as refused:
            self._refused = self._refused or refused
        if self._refused and not error:
            raise self._refused

    def _write(self, said: Any, arrays: Mapping[str, np.ndarray]) -> None:
        self._file = self._file or zipfile.ZipFile(self._path, "w")
        self._file.writestr(f"{self._groups}/said.json", json.dumps(said))
        for name, array in arrays.items():
            with self._file.open(f"{self._groups}/{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
        self._groups += 1


def read_archive(path: Path, key: str) -> Iterator[Group]:
    """The groups of an archive, in order; whatever may be wrong with it is raised before the first.

    Raises:
        ArchiveError: it is not a sound archive of that key.
        OSError: it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as file:
            about = json.loads(file.read(_NAME))
            if file.testzip() is not None or (about["format"], about["key"]) != (_FORMAT, key):
                raise ArchiveError(f"{path} holds something else")
            members = [name for name in file.namelist() if name.endswith(".npy")]
            for number in range(about["groups"]):
                names = [name for name in members if name.startswith(f"{number}/")]
                said = json.loads(file.read(f"{number}/said.json"))
                yield said, {Path(name).stem: _array(file, name) for name in names}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, KeyError, ValueError, EOFError) as error:
        raise ArchiveError(f"{path} is damaged: {error}") from error


def is_sound(path: Path, key: str) -> bool:
    """Whether `read_archive` will read it to the end."""
    try:
        for _ in read_archive(path, key):
            break
    except (ArchiveError, OSError):
        return False
    return True


def _array(file: zipfile.ZipFile, name: str) -> np.ndarray:
    with file.open(name) as member:
        return np.lib.format.read_array(member, allow_pickle=False)
