"""What a unit of work reads, by its content: what decides whether an earlier run has read the same."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from schemas.files import sha256

Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Contents:
    """Files, their digest, and what would tell that they changed since.

    Args:
        files: what is read.
        digest: of their content; empty until it is `known`.
        stamp: taken before the digest.
    """

    files: tuple[str, ...]
    digest: str = ""
    stamp: Stamp = ()

    @classmethod
    def of_file(cls, path: str, digest: Callable[[Path], str]) -> "Contents":
        """One file, whose digest somebody remembers."""
        stamp = _stamp([path])
        return cls((path,), digest(Path(path)), stamp)

    def known(self) -> "Contents":
        """The same with its digest, for which many small files are read where it is asked for: by a worker."""
        if self.digest:
            return self
        stamp = _stamp(self.files)
        return replace(self, digest=_digest(self.files), stamp=stamp)

    def have_changed(self) -> bool:
        """Whether a file is not what it was when its digest was taken."""
        return _stamp(self.files) != self.stamp


def _stamp(files: Sequence[str]) -> Stamp:
    """Size, time of modification and inode of each; zeros for one that is not there."""
    found = []
    for file in files:
        try:
            status = os.stat(file)  # noqa: PTH116 (Path takes twice as long, and pictures are many)
            found.append((status.st_size, status.st_mtime_ns, status.st_ino))
        except (OSError, ValueError):
            found.append((0, 0, 0))
    return tuple(found)


def _digest(files: Sequence[str]) -> str:
    whole = hashlib.sha256()
    for file in files:
        try:
            # A pipe would be waited for.
            found = sha256(Path(file)) if Path(file).is_file() else "no file"
        except (OSError, ValueError):
            found = "missing"
        whole.update(f"{found}\n".encode())
    return whole.hexdigest()
