"""Daemons of a project, `trainworks schedule` in processes of their own, whose wall clock is set."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

LEASE: Final = 10.0
"""Seconds after which a daemon that says nothing has lost its run."""
_CLOCKED: Final = Path(__file__).with_name("clocked.py")
_ROOT: Final = Path(__file__).parents[3]


@dataclass(frozen=True)
class Daemon:
    """One of them."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")


@dataclass
class Daemons:
    """Those that are alive.

    Args:
        folder: that of `pipeline.yaml`.
    """

    folder: Path
    alive: list[Daemon] = field(default_factory=list)
    _started: int = 0

    def set_clock(self, moment: datetime) -> None:
        """From now on it is so late, for all of them."""
        staged = self._offset.with_suffix(".tmp")
        staged.write_text(str(moment.timestamp() - time.time()), encoding="utf-8")
        staged.rename(self._offset)

    def start(self) -> Daemon:
        self._started += 1
        log = self.folder / f"daemon-{self._started}.log"
        command = [sys.executable, _CLOCKED, self._offset, "schedule", "pipeline.yaml", "--lease", LEASE]
        with log.open("wb") as said:
            process = subprocess.Popen(
                [str(word) for word in command],
                cwd=self.folder,
                stderr=said,
                env={**os.environ, "PYTHONPATH": str(_ROOT)},
            )
        self.alive.append(Daemon(process, log))
        return self.alive[-1]

    def kill(self, daemon: Daemon) -> None:
        daemon.process.kill()
        daemon.process.wait()
        self.alive.remove(daemon)

    @contextmanager
    def running(self, count: int) -> Iterator[None]:
        """So many at the beginning; in the end those that are alive are stopped as a service manager does it."""
        try:
            for _ in range(count):
                self.start()
            yield
            for daemon in self.alive:
                daemon.process.terminate()
            assert [daemon.process.wait(120) for daemon in self.alive] == [0] * len(self.alive), self.said()
        finally:
            for daemon in list(self.alive):
                self.kill(daemon)

    def said(self) -> str:
        return "\n".join(log.read_text(encoding="utf-8") for log in sorted(self.folder.glob("daemon-*.log")))

    @property
    def _offset(self) -> Path:
        return self.folder / "clock"
