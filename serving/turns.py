"""Threads that take turns: one of them listens, does what it hears of itself, and steps aside when that takes time.

Python runs one thread at a time, and a small model takes less time than handing a call from the thread that hears of it
to another. So nothing is handed over: before its thread begins something long, it says `step_aside`, and another one
listens in its place. So one does, too, when it is not done after a moment. This is Leader/Followers, a pattern in
Schmidt, Stal, Rohnert and Buschmann, Pattern-Oriented Software Architecture, volume 2 (2000).

Nor does a thread go from one thing to the other while there is more of the same: it hears of all that is there, does
all of that, and then brings all of it to its end. A processor whose caches have what it needs takes half the time.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

Ending = Callable[[], object]
Work = Callable[[], Ending | None]
"""Something to do, and what is done at its end, perhaps together with other endings."""

_MOMENT_SECONDS: Final = 0.05
_TOGETHER_SECONDS: Final = 0.005
"""How long endings wait for other work."""

_local = threading.local()
_log = logging.getLogger(__name__)


class _Turn:
    """Whether it is a thread's turn to listen; given back once, whoever says so."""

    def __init__(self, free: threading.Semaphore) -> None:
        self._free, self._lock, self.is_mine = free, threading.Lock(), False
        self._since: float | None = None
        self.is_at_work = False
        self.endings = deque[Ending]()
        """Of what was done in this turn."""

    def take(self) -> None:
        self._free.acquire()
        self.is_mine = True

    def begin(self) -> None:
        """There is something to do."""
        self._since = time.monotonic()

    def do(self, work: Work) -> None:
        """Does it; its end is put off, but not for long."""
        self.is_at_work = True
        if (ending := _logged(work)) is not None:
            self.endings.append(ending)
        self.is_at_work = False
        if self._since is not None and time.monotonic() - self._since > _TOGETHER_SECONDS and self.end():
            self.begin()

    def end(self) -> bool:
        """Comes to the end of all that was done; returns whether the turn is still this thread's."""
        self._come_to_ends()
        with self._lock:
            self._since = None
            return self.is_mine

    def give_back(self) -> None:
        self._come_to_ends()
        with self._lock:
            self._release()

    def give_back_if_late(self) -> None:
        """For another thread."""
        with self._lock:
            if self._since is None or time.monotonic() - self._since < _MOMENT_SECONDS:
                return
            self._release()
        self._come_to_ends()

    def _release(self) -> None:
        if self.is_mine:
            self.is_mine = False
            self._free.release()

    def _come_to_ends(self) -> None:
        while self.endings:
            try:
                ending = self.endings.popleft()
            except IndexError:  # another thread was faster
                return
            _logged(ending)


def _logged(work: Callable[[], Any]) -> Any:
    """What it returns; if it raises, the log has it: threads go on, whatever they do."""
    try:
        return work()
    except BaseException:
        _log.exception("A thread's work failed")
        return None


def step_aside() -> None:
    """Says that this thread will take its time: another one may listen meanwhile.

    Elsewhere than in such a thread it does nothing.
    """
    turn: _Turn | None = getattr(_local, "turn", None)
    if turn is not None:
        turn.give_back()


class TurnTaking:
    """Threads that listen in turns; while all others work, the one that listens puts off what it hears of.

    Args:
        threads: how many work at the same time, beside the one that listens.
        name: what they are called.
        listen: waits for something to do, and returns all there is; None once nothing more will come.
    """

    def __init__(self, threads: int, name: str, listen: Callable[[], Sequence[Work] | None]) -> None:
        self._listen = listen
        free = threading.Semaphore()
        self._turns = [_Turn(free) for _ in range(threads + 1)]
        self._lock, self._idle, self._heard = threading.Lock(), threads + 1, deque[Work]()
        self._threads = [
            threading.Thread(target=self._run, args=(turn,), name=f"{name}-{number}", daemon=True)
            for number, turn in enumerate(self._turns)
        ]
        self._watcher = threading.Thread(target=self._watch, name=f"{name}-watch", daemon=True)

    def start(self) -> None:
        """Listens from now on."""
        for thread in (*self._threads, self._watcher):
            thread.start()

    def join(self, timeout: float) -> None:
        """Waits until nothing more comes, or for so many seconds; not for who is at work still."""
        end = time.monotonic() + timeout
        for thread, turn in zip(self._threads, self._turns, strict=True):
            while thread.is_alive() and not turn.is_at_work and time.monotonic() < end:
                thread.join(_MOMENT_SECONDS)

    def _run(self, turn: _Turn) -> None:
        _local.turn = turn
        while True:
            turn.take()
            with self._lock:
                self._idle -= 1
            if not self._lead(turn):
                return
            while (work := self._next(leads=False)) is not None:
                turn.do(work)
                turn.end()

    def _lead(self, turn: _Turn) -> bool:
        """Listens, and does what it hears of, until another thread does; returns whether more may come."""
        while True:
            turn.begin()
            while turn.is_mine and (work := self._next(leads=True)) is not None:
                turn.do(work)
            if not turn.end():
                return True
            if not self._hears():
                turn.give_back()
                return False

    def _hears(self) -> bool:
        """Waits for something to do; returns whether more may come."""
        try:
            heard = self._listen()
        except Exception:  # nobody else would listen
            _log.exception("Listening failed")
            return True
        self._heard.extend(heard or ())
        return heard is not None

    def _next(self, *, leads: bool) -> Work | None:
        """What to do; None for who leads while nobody else could, and for others to be idle from now on."""
        with self._lock:
            if self._heard and (self._idle or not leads):
                return self._heard.popleft()
            self._idle += not leads
            return None

    def _watch(self) -> None:
        """Gives back the turn of who has been at their work for more than a moment."""
        while any(thread.is_alive() for thread in self._threads):
            time.sleep(_MOMENT_SECONDS)
            for turn in self._turns:
                turn.give_back_if_late()
