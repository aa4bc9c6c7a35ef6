"""Results of parts of a step's work, kept between runs: a new file then costs what it is, not what came before it.

An entry is a folder named by a key of all that decides what is in it: the content of the part, the settings, the code.
So an entry never has to be made invalid, and files that are reordered, or come back, find what is theirs. Entries are
hints: one that is missing, damaged or cannot be written costs time, and changes no result.
"""

import hashlib
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FORMAT: Final = 1
"""Of entries in general; those of another version are never found."""

_log = logging.getLogger(__name__)


def key_of(**parts: object) -> str:
    """A key that differs where any part does, each a value that pydantic can write as JSON."""
    from pydantic_core import to_json

    return hashlib.sha256(to_json([_FORMAT, sorted(parts.items())])).hexdigest()


@dataclass(frozen=True)
class Partials:
    """Entries in a folder; small, so that it travels to Beam's workers, who share the folder.

    Args:
        folder: `Context.partials`.
    """

    folder: Path

    def find(self, key: str) -> Path | None:
        """The folder of an entry, which counts as used from now; None where there is none."""
        entry = self.folder / key
        try:
            os.utime(entry)
        except OSError:
            return None
        return entry

    @contextmanager
    def adding(self, key: str) -> Iterator[Path]:
        """A folder to fill; it becomes the entry, whole, when the block ends, unless another one did meanwhile.

        What the disk refuses is told to the log alone.
        """
        unfinished = self.folder / f".{key}.{uuid.uuid4().hex}"
        with suppress(OSError):  # which whoever fills it meets again
            unfinished.mkdir(parents=True)
        try:
            yield unfinished
            unfinished.rename(self.folder / key)
        except OSError as error:
            if not (self.folder / key).is_dir():
                _log.info("%s is not kept for later runs: %s", key, error)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def discard(self, key: str) -> None:
        """Removes an entry that turned out to be damaged."""
        with suppress(OSError):
            doomed = self.folder / f".{key}.{uuid.uuid4().hex}"
            (self.folder / key).rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def link_or_copy(source: Path, target: Path) -> None:
    """A second name for a file that nobody changes; its copy where the file system has no such names, or no more."""
    try:
        target.hardlink_to(source)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copy2(source, target)
