"""The pipeline file of a daemon: read again whenever it changes, and never half."""

import logging
from pathlib import Path

from pipeline import consistency
from pipeline.notification.notifier import Notifier
from pipeline.runner import WORKSPACE
from schemas.config import PipelineConfig, ScheduleConfig
from schemas.errors import ConfigError
from schemas.pipeline_file import load, mistakes_of

_log = logging.getLogger(__name__)


class PipelineFile:
    """A pipeline file with a section `schedule`.

    Args:
        path: the file.
        workspace: folder of artifacts, lineage and logs; `.trainworks` beside the file unless given.

    Raises:
        ConfigError: it is wrong, or has no schedule.
    """

    def __init__(self, path: Path, workspace: Path | None = None) -> None:
        self.path = path.resolve()
        self.workspace = workspace or self.path.parent / WORKSPACE
        self._signature = self._sign()
        self.config = self._read()

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def schedule(self) -> ScheduleConfig:
        assert self.config.schedule is not None
        return self.config.schedule

    def refresh(self) -> bool:
        """Reads the file again if it has changed; True if what it says did. What is wrong is told once, and left."""
        signature = self._sign()
        if signature == self._signature:
            return False
        self._signature = signature
        try:
            config = self._read()
            if config.name != self.name:
                raise ConfigError(
                    f"{self.path}: `name` must stay what it was while a daemon runs it, {self.name}."
                    f" Received: {config.name}"
                )
            if config.schedule and config.schedule.on_drift and not self.schedule.on_drift:
                raise ConfigError(
                    f"{self.path}: `schedule.on_drift` must be there when the daemon starts: start it again."
                )
        except ConfigError as error:
            _log.error("%s: the file is wrong, and what it said before still holds:\n%s", self.name, error)
            return False
        changed, self.config = config != self.config, config
        if changed:
            _log.info("%s: the file has changed", self.name)
        return changed

    def _read(self) -> PipelineConfig:
        config = load(self.path)
        if config.schedule is None:
            raise ConfigError(
                f"{self.path}: `schedule` is required for `trainworks schedule`, such as `schedule: {{every: 6h}}` or"
                ' `schedule: {cron: "0 3 * * *"}`.'
            )
        mistakes = mistakes_of(config.source)
        for key, said in consistency.schedule(config):
            mistakes.add(key, said)
        mistakes.raise_any()
        Notifier(config.notify, self.path.parent)  # the secrets are there
        return config

    def _sign(self) -> tuple[int, ...]:
        try:
            status = self.path.stat()
        except OSError:
            return ()
        return (status.st_ino, status.st_mtime_ns, status.st_size)
