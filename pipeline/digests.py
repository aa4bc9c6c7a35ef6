"""Digests of what files hold, remembered while the files stay as they are.

A file counts as unchanged when its size, its two times and its inode are. One that has just changed is not remembered:
it could change again within the resolution of its file system's clock.
"""

import hashlib
import json
import logging
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from schemas.files import sha256, write_atomically

_FORMAT = f"1 python {sys.version_info.major}.{sys.version_info.minor}"
"""Facts about source files hold for one version of Python: syntax trees differ."""
_SETTLED_AFTER = 2.0
"""Seconds: the coarsest resolution of modification times that is in use, FAT's."""

_READERS = 2
"""Files of a folder that are read at once."""

Fact = str | list[str]
Stamp = list[int] | list[str]


class DigestCache:
    """Facts about files' contents, kept in `digests.json` of a workspace.

    Args:
        workspace: the folder. The file need not exist, and is ignored when it is damaged.
        settled_after: seconds for which a file must not have changed for facts about it to be remembered.
    """

    def __init__(self, workspace: Path, *, settled_after: float = _SETTLED_AFTER) -> None:
        self._settled_after = settled_after
        self._path = workspace / "digests.json"
        self._facts = _load(self._path)
        self._changed = False

    def file_digest(self, path: Path) -> str:
        """SHA-256 of a file's contents, or a folder's `folder_digest`. Raises OSError when it cannot be read."""
        if path.is_dir():
            return self.folder_digest(path)
        digest = self.fact("digest", path, sha256)
        assert isinstance(digest, str)
        return digest

    def folder_digest(self, path: Path) -> str:
        """SHA-256 over the sorted relative names and the contents of all files of a folder, in hexadecimal.

        Symbolic links to folders count by where they point, not by what is there.
        """
        whole = hashlib.sha256()
        files = sorted(_files(path))
        with ThreadPoolExecutor(_READERS) as readers:
            digests = list(readers.map(self._digest_in_folder, [file for _, file in files]))
        for (name, _), digest in zip(files, digests, strict=True):
            whole.update(f"{len(name)} {name} {digest}\n".encode("utf-8", "surrogateescape"))
        return whole.hexdigest()

    def _digest_in_folder(self, file: Path) -> str:
        return f"-> {file.readlink()}" if file.is_dir() else self.file_digest(file)

    def group_digest(self, folder: Path, names: Sequence[str]) -> str:
        """SHA-256 over the names and contents of many files of a folder, in hexadecimal.

        One fact for all of them: tens of thousands are looked at in a fraction of a second while none changes, and all
        are read again when one does. What is not there, or cannot be read, counts as such and is no error.
        """
        top = os.path.abspath(folder)  # noqa: PTH100
        key = f"group {top}"
        stamp, youngest = _group_stamp(top, names)
        known = self._facts.get(key)
        if known and known[0] == stamp and isinstance(known[1], str):
            return known[1]
        digest = _group_digest(top, names)
        if time.time_ns() - youngest >= self._settled_after * 1e9 and _group_stamp(top, names)[0] == stamp:
            self._facts[key] = (stamp, digest)
            self._changed = True
        return digest

    def fact(self, kind: str, path: Path, find: Callable[[Path], Fact]) -> Fact:
        """What `find` says about a file, asked again only when the file changes."""
        stamp = _stamp(path)
        known = self._known(kind, path, stamp)
        if known is not None:
            return known
        fact = find(path)
        if self._is_settled(stamp) and _stamp(path) == stamp:
            self._facts[_key(kind, path)] = (stamp, fact)
            self._changed = True
        return fact

    def remembers(self, path: Path) -> bool:
        """Whether a file is as it was when its digest was found, which so is known without reading it again."""
        with suppress(OSError):
            return self._known("digest", path, _stamp(path)) is not None
        return False

    def close(self) -> None:
        """Keeps the facts for other processes, atomically; forgets those about files that are gone."""
        if not self._changed:
            return
        present = {key: known for key, known in self._facts.items() if Path(key.partition(" ")[2]).exists()}
        try:
            write_atomically(json.dumps({"format": _FORMAT, "facts": present}).encode(), self._path)
        except OSError as error:  # the run has its result all the same; the next one only digests again
            logging.getLogger(__name__).warning("%s cannot be written: %s", self._path, error)
        self._changed = False

    def _known(self, kind: str, path: Path, stamp: list[int]) -> Fact | None:
        known = self._facts.get(_key(kind, path))
        return known[1] if known and known[0] == stamp else None

    def _is_settled(self, stamp: list[int]) -> bool:
        return time.time_ns() - max(stamp[1], stamp[2]) >= self._settled_after * 1e9


def _load(path: Path) -> dict[str, tuple[Stamp, Fact]]:
    try:
        kept = json.loads(path.read_bytes())
        if kept["format"] != _FORMAT:
            return {}
        return {key: (stamp, fact) for key, (stamp, fact) in kept["facts"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _key(kind: str, path: Path) -> str:
    return f"{kind} {os.path.abspath(path)}"  # noqa: PTH100 (Path.absolute keeps `..`)


def _stamp(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _group_stamp(top: str, names: Sequence[str]) -> tuple[list[str], int]:
    """What tells whether any of the files changed, and when one last did, in nanoseconds."""
    whole, youngest = hashlib.sha256(), 0
    for name in names:
        try:
            status = os.stat(os.path.join(top, name))  # noqa: PTH116, PTH118 (Path takes as long again)
            times = (status.st_mtime_ns, status.st_ctime_ns)
            youngest = max(youngest, *times)
            known = f"{status.st_size} {times} {status.st_ino}"
        except (OSError, ValueError):
            known = "missing"
        whole.update(f"{len(name)} {name} {known}\n".encode("utf-8", "surrogateescape"))
    return [whole.hexdigest()], youngest


def _group_digest(top: str, names: Sequence[str]) -> str:
    whole = hashlib.sha256()
    for name in names:
        try:
            path = Path(top, name)
            digest = sha256(path) if stat.S_ISREG(path.stat().st_mode) else "no file"
        except (OSError, ValueError):
            digest = "missing"
        whole.update(f"{len(name)} {name} {digest}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Relative names, with `/` on every system, and paths of the files and of the links to folders."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} must be a folder.")
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if Path(parent, name).is_symlink()]
        for name in (*files, *links):
            path = Path(parent, name)
            yield path.relative_to(folder).as_posix(), path
