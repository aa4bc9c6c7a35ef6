"""A folder that a command writes, which appears once it is whole."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import ConfigError


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder beside it to write to, which takes its place at the end; on an error nothing is left.

    Raises:
        ConfigError: it is there and not empty, or its parent is not.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ConfigError(f"`--out` must be a new folder, or an empty one. Received: {folder}")
    if not folder.resolve().parent.is_dir():
        raise ConfigError(f"`--out` must be in a folder that is there. Received: {folder}")
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.resolve().parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        with contextlib.suppress(FileNotFoundError):
            folder.rmdir()
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
