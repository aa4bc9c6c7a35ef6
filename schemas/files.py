"""Files that others may read, or kill us while writing: there whole or as they were, and known by their digest."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def replacing(path: Path, *, mode: int = 0o644) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `path` once it is whole and on the disk; on an error nothing changes.

    Its permissions are `mode`; before it takes its place, its owner alone may read it.

    Several may do so at once, in any process: the last one to end wins. Until then the content stands beside it, in a
    file whose name begins with `.<name>.`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_atomically(content: bytes, path: Path, *, mode: int = 0o644) -> None:
    """Writes a small file: it is there whole, or as it was."""
    with replacing(path, mode=mode) as file:
        file.write(content)


def write_new(path: Path, content: bytes) -> None:
    """Writes a small file to the disk, and the folders above it; raises FileExistsError where there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Brings a file's content, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
