"""Writing a set of files for a person: all or none, and never over something that is theirs."""

import os
from collections.abc import Mapping
from pathlib import Path

from schemas.errors import ConfigError, TrainworksError
from schemas.files import write_atomically


def write_files(folder: Path, files: Mapping[str, bytes], *, overwrite: bool = False) -> list[Path]:
    """Writes files below a folder, each at once: a kill leaves a file whole or absent.

    Args:
        folder: made if it is not there.
        files: path relative to the folder to content.
        overwrite: replace files that are there with other content.

    Returns:
        The files that were written; those that already had that content are left alone.

    Raises:
        ConfigError: a file stands there with other content; nothing was written.
        TrainworksError: the folder cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: must be a folder, or a name that is free. Received: a file")
    targets = {folder / name: content for name, content in files.items()}
    changed = {path: content for path, content in targets.items() if not _holds(path, content)}
    taken = [path for path in changed if os.path.lexists(path)]
    if taken and not overwrite:
        raise ConfigError(
            f"{folder}: would overwrite {', '.join(str(path.relative_to(folder)) for path in taken)}; nothing was"
            " written. Choose another folder, or give --force."
        )
    try:
        for path, content in changed.items():
            write_atomically(content, path)
    except OSError as error:
        raise TrainworksError(f"{folder}: cannot be written: {error.strerror or error}.") from error
    return list(changed)


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content
