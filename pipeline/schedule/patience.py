"""A database that may be locked, gone or full for a while: said once, tried again, and nothing is lost."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Engine

from pipeline.lineage.database import add_tables
from pipeline.lineage.store import Lineage
from pipeline.lineage_url import open_lineage
from pipeline.schedule import tables
from pipeline.schedule.clock import Clock
from pipeline.workspace import Workspace
from schemas.errors import TrainworksError

_FIRST_WAIT: Final = 1.0
_log = logging.getLogger(__name__)


class Patience:
    """The database of a workspace's lineage.

    Args:
        url: of a database elsewhere; None for the workspace's own.
        longest_wait: seconds between two attempts, at most.
        lock_timeout: seconds to wait for another process's transaction.

    Raises:
        ConfigError: the database cannot be used when the daemon starts.
    """

    def __init__(
        self, workspace: Workspace, url: str | None, clock: Clock, *, longest_wait: float, lock_timeout: float
    ) -> None:
        self._workspace, self._url, self._clock = workspace, url, clock
        self._longest_wait, self._lock_timeout = longest_wait, lock_timeout
        self._wait, self._again = 0.0, 0.0
        self._lineage = self._open()
        self._identity = self._file_identity()

    @property
    def engine(self) -> Engine:
        return self._lineage.engine

    @property
    def lineage(self) -> Lineage:
        return self._lineage

    @property
    def is_ready(self) -> bool:
        """Whether it is time for an attempt."""
        return self._clock.monotonic() >= self._again

    def attempt(self, work: Callable[[], None]) -> None:
        """Works with the database; where that fails, it is left, said once, and waits before the next attempt."""
        try:
            self._check_file()
            work()
        except TrainworksError as error:
            self._failed(error)
        else:
            if self._wait:
                _log.warning("The lineage database is back; going on")
            self._wait = 0.0

    def _open(self) -> Lineage:
        lineage = open_lineage(self._workspace, self._url, lock_timeout=self._lock_timeout)
        add_tables(lineage.engine, tables.metadata)
        return lineage

    def _failed(self, error: TrainworksError) -> None:
        if not self._wait:
            _log.warning("%s. Trying again until it can be used", str(error).rstrip("."))
        self._wait = min(max(2 * self._wait, _FIRST_WAIT), self._longest_wait)
        self._again = self._clock.monotonic() + self._wait
        self._lineage.close()  # connections that may be to something that is no more

    def _check_file(self) -> None:
        """A file that was removed or replaced would be written to all the same, where nobody reads it."""
        found = self._file_identity()
        if found == self._identity:
            return
        self._lineage.close()
        if found is None:
            raise TrainworksError(f"The lineage database {self._file} is gone: put it back, or start the daemon again.")
        self._lineage, self._identity = self._open(), found

    @property
    def _file(self) -> Path | None:
        url = self._lineage.engine.url
        return Path(url.database or "") if url.get_backend_name() == "sqlite" else None

    def _file_identity(self) -> tuple[int, int] | None:
        try:
            status = self._file.stat() if self._file else None
        except OSError:
            return None
        return (status.st_dev, status.st_ino) if status else (0, 0)
