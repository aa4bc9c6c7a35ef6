"""The one file that a command writes where it was told to."""

from pathlib import Path

from schemas.errors import ConfigError
from schemas.files import write_atomically


def check_target(path: Path, option: str) -> None:
    """Whether a file can be there, told before any work is done for it.

    Raises:
        ConfigError: the folder is not there, or the path is one.
    """
    if path.is_dir() or not path.resolve().parent.is_dir():
        raise ConfigError(f"`{option}` must be a file in a folder that is there. Received: {path}")


def write_target(text: str, path: Path, option: str) -> None:
    """Writes the file: it is there whole, or as it was.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        write_atomically(text.encode("utf-8", "backslashreplace"), path)
    except OSError as error:
        raise ConfigError(
            f"`{option}` must be a file that can be written. Received: {path} ({error.strerror})"
        ) from error
