"""Ctrl-C, SIGTERM and time limits: they stop a step where it stands, and never the bookkeeping between two steps.

Python delivers a signal between any two instructions. Outside `interruptible()` it is only noted, so that a rename and
its lineage are never parted; the note is acted on when the next step is about to begin. Where an exception is lost
(in a finalizer or a callback, whose exceptions Python drops), the signal comes again.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any, Final, Self

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_ALARM: Final = signal.SIGALRM

AGAIN_SECONDS: Final = 5.0
"""How long a step may take to end once it was interrupted, before it is interrupted again."""


class Interrupted(BaseException):
    """A step was stopped from outside. Not an Exception, so that no step takes it for an error of its own."""


class Canceled(Interrupted):
    """A signal asked the run to stop."""

    def __init__(self, signum: int) -> None:
        super().__init__(f"canceled by {signal.Signals(signum).name}")
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """As shells have it: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.signum


class TimedOut(Interrupted):
    """A step came to the end of its time."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"took longer than its time limit, {seconds:g} s, and was stopped")
        self.seconds = seconds


@dataclass(frozen=True)
class Deadline:
    """The end of a step's time.

    Args:
        seconds: the limit.
        at: when it is reached, on the monotonic clock.
    """

    seconds: float
    at: float

    @classmethod
    def after(cls, seconds: float | None) -> "Deadline | None":
        """The deadline that is so many seconds away; None for no limit."""
        return None if seconds is None else cls(seconds, time.monotonic() + seconds)


class Cancellation:
    """Handles the signals while it is entered. A signal that the process was told to ignore stays ignored.

    Outside the main thread, where Python takes no handlers, it does nothing, and time limits do not hold.
    """

    def __init__(self) -> None:
        self._pending: Interrupted | None = None
        self._interruptible = False
        self._ended = threading.Event()
        self._ending = threading.Lock()
        self._overdue: Deadline | None = None
        self._previous: dict[int, Any] = {}
        self._handles = False

    def __enter__(self) -> Self:
        self._handles = threading.current_thread() is threading.main_thread()
        if self._handles:
            self._previous[_ALARM] = signal.signal(_ALARM, self._rung)
            for signum in _SIGNALS:
                if signal.getsignal(signum) != signal.SIG_IGN:
                    self._previous[signum] = signal.signal(signum, self._received)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)

    @property
    def requested(self) -> Interrupted | None:
        """What a step was stopped by, even if it swallowed that or made another exception of it."""
        return self._pending

    @contextmanager
    def interruptible(self, deadline: Deadline | None = None) -> Iterator[None]:
        """Lets a signal raise `Canceled` at once, also one that came before or that the block swallowed.

        Args:
            deadline: when to raise `TimedOut`. One that an earlier block came to is forgotten.
        """
        if isinstance(self._pending, TimedOut):
            self._pending = None
        self._overdue = None
        self._ended = threading.Event()
        self._interruptible = True
        try:
            self._raise_if_requested()
            if deadline and self._handles:
                threading.Thread(target=self._ring, args=(deadline, self._ended), name="limit", daemon=True).start()
            yield
        except BaseException as error:
            if self._pending is None or isinstance(error, Interrupted):
                raise
            raise self._pending from error  # what became of an interruption in somebody else's code
        finally:
            self._interruptible = False
            with self._ending:
                self._ended.set()
        self._raise_if_requested()

    def _received(self, signum: int, frame: FrameType | None) -> None:
        first = not isinstance(self._pending, Canceled)
        self._pending = Canceled(signum)
        if self._interruptible:
            if first:
                threading.Thread(target=self._repeat, args=(signum, self._ended), name="cancel", daemon=True).start()
            raise self._pending

    def _rung(self, signum: int, frame: FrameType | None) -> None:
        if self._interruptible and self._overdue:
            self._pending = self._pending or TimedOut(self._overdue.seconds)
            raise self._pending

    def _ring(self, deadline: Deadline, ended: threading.Event) -> None:
        """Interrupts the block that `ended` belongs to once its time is over."""
        if not ended.wait(max(deadline.at - time.monotonic(), 0)):
            self._overdue = deadline
            self._interrupt(_ALARM, ended)
            self._repeat(_ALARM, ended)

    def _repeat(self, signum: int, ended: threading.Event) -> None:
        while not ended.wait(AGAIN_SECONDS):
            self._interrupt(signum, ended)

    def _interrupt(self, signum: int, ended: threading.Event) -> None:
        """Sends a signal to the main thread, never after the block has ended."""
        with self._ending:
            if not ended.is_set():
                signal.pthread_kill(threading.main_thread().ident or 0, signum)

    def _raise_if_requested(self) -> None:
        if self._pending is not None:
            raise self._pending
