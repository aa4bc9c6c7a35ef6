"""Secrets of the section `notify`: from a file or an environment variable, never from the pipeline file."""

import os
from pathlib import Path

from schemas.errors import ConfigError


def read_secret(key: str, *, file: str | None, variable: str | None, base: Path) -> str:
    """The secret.

    Args:
        key: where it stands in the pipeline file, such as `notify.webhook.url`, for messages.
        file: path of a file that holds it, relative to `base`.
        variable: name of an environment variable that does; one of the two is given.

    Raises:
        ConfigError: it is not there, or empty. The message does not hold it.
    """
    if variable is not None:
        secret = os.environ.get(variable, "").strip()
        if not secret:
            raise ConfigError(f"`{key}_env` must name an environment variable that is set. Received: {variable}")
        return secret
    path = base / str(file)
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"`{key}_file` must be a text file that can be read. Received: {path}") from error
    if not secret:
        raise ConfigError(f"`{key}_file` must hold something. Received: {path}, which is empty")
    return secret
