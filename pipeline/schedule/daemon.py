"""The daemon: a tick for every pipeline, again and again, until it is told to end."""

import logging
import os
import select
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Final

from pipeline.result import REFUSED
from pipeline.schedule.clock import Clock
from pipeline.schedule.states import Outcome
from pipeline.schedule.worker import Worker

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_EXIT_CODES: Final = {Outcome.FAILED: 1, Outcome.REFUSED: REFUSED}
_LAST_SECONDS: Final = 60.0
"""What a run that is handed over may take, where the database is away, say; then it is killed."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pace:
    """How long things take.

    Args:
        tick: seconds between two looks, at most.
        grace: seconds that a run may take to its end once the daemon was told to end; then it is handed over.
    """

    tick: float = 1.0
    grace: float = 30.0


class Daemon:
    """Runs pipelines when they are due, until SIGTERM or SIGINT, or, with `once`, until nothing is left to run.

    The first signal lets runs come to their end for a while, and then hands them over; the second hands them over at
    once, the third kills them.
    """

    def __init__(self, workers: Sequence[Worker], clock: Clock, pace: Pace, *, once: bool = False) -> None:
        self._workers, self._clock, self._pace, self._once = workers, clock, pace, once
        self._signals, self._ending = 0, False
        self._since = 0.0

    @property
    def exit_code(self) -> int:
        """As `trainworks run` has it, of the worst run: 1 one failed, 3 a gate said no, 0 all is well."""
        outcomes = {outcome for worker in self._workers for outcome in worker.outcomes}
        return next((code for outcome, code in _EXIT_CODES.items() if outcome in outcomes), 0)

    def run(self) -> None:
        with self._awake() as wakes:
            for worker in self._workers:
                worker.introduce()
            while True:
                self._tick()
                if self._has_ended():
                    for worker in self._workers:
                        worker.kill()
                    return
                select.select([wakes], [], [], self._pace.tick)
                self._drain(wakes)

    def _tick(self) -> None:
        if self._signals > 1 or (self._signals and self._clock.monotonic() - self._since > self._pace.grace):
            for worker in self._workers:
                worker.hand_over()
        for worker in self._workers:
            worker.tick(accepting=not self._signals)

    def _has_ended(self) -> bool:
        if self._signals:
            self._say_farewell()
            late = self._clock.monotonic() - self._since > self._pace.grace + _LAST_SECONDS
            return late or self._signals > 2 or not any(worker.is_running for worker in self._workers)
        return self._once and all(worker.is_idle for worker in self._workers)

    def _say_farewell(self) -> None:
        """Once, and not from the handler of a signal, which may have come amid a line."""
        if not self._ending:
            running = sum(worker.is_running for worker in self._workers)
            wait = f"; runs that go on ({running}) have {self._pace.grace:g} s to their end" if running else ""
            _log.info("Ending%s", wait)
        self._ending = True

    def _received(self, signum: int, frame: FrameType | None) -> None:
        self._signals += 1
        if self._signals == 1:
            self._since = self._clock.monotonic()

    @contextmanager
    def _awake(self) -> Iterator[int]:
        """A file descriptor that has something to read when a signal has come, also that a run has ended."""
        reads, writes = os.pipe()
        os.set_blocking(reads, False)
        os.set_blocking(writes, False)
        handlers = dict.fromkeys(_SIGNALS, self._received) | {signal.SIGCHLD: lambda signum, frame: None}
        previous = {signum: signal.signal(signum, handler) for signum, handler in handlers.items()}
        earlier = signal.set_wakeup_fd(writes, warn_on_full_buffer=False)
        try:
            yield reads
        finally:
            signal.set_wakeup_fd(earlier)
            for signum, handler in previous.items():
                signal.signal(signum, handler)
            os.close(reads)
            os.close(writes)

    @staticmethod
    def _drain(wakes: int) -> None:
        try:
            while os.read(wakes, 4096):
                pass
        except BlockingIOError:
            return
