"""Reads the file of a server's models again and again, and serves what it says."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.errors import ConfigError
from serving import config_files
from serving.errors import ServingError

_log = logging.getLogger(__name__)


class ConfigWatch:
    """Applies `--model_config_file` whenever its content has changed.

    What cannot be read, or is refused, is told in the log once, and what was served before stays.

    Args:
        path: the file.
        apply: serves what a ModelServerConfig says; raises ServingError or ConfigError if it is refused.
        applied: what is served already.
        seconds: how often to look.
    """

    def __init__(self, path: Path, apply: Callable[[Any], None], applied: Any, seconds: float) -> None:
        self._path, self._apply, self._seconds = path, apply, seconds
        self._seen: object = applied
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model-config", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Looks no more."""
        self._over.set()

    def look(self) -> None:
        """Looks once."""
        try:
            config = config_files.read(self._path, config_files.ModelServerConfig, "--model_config_file")
        except ConfigError as error:
            if self._seen != str(error):
                self._seen = str(error)
                _log.error("What was served before stays: %s", error)
            return
        if config == self._seen:
            return
        self._seen = config
        try:
            self._apply(config)
            _log.info("Serving what %s says now", self._path)
        except (ServingError, ConfigError) as error:
            _log.error("What was served before stays: %s: %s", self._path, error)

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            self.look()
