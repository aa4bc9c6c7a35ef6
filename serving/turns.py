"""Threads that take turns: one of them listens, does what it hears of itself, and steps aside when that takes time.

Python runs one thread at a time, and a small model takes less time than handing a call from the thread that hears of it
to another. So nothing is handed over: before its thread begins something long, it says `step_aside`, and another one
listens in its place. So one does, too, when it is not done after a moment. This is Leader/Followers, a pattern in
Schmidt, Stal, Rohnert and Buschmann, Pattern-Oriented Software Architecture, volume 2 (2000).

Nor does a thread go from one thing to the other while there is more of the same: it hears of all that is there, does
all of that, and then brings all of it to its end. A processor whose caches have what it needs takes half the time.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

Ending = Callable[[], object]
Work = Callable[[], Ending | None]
"""Something to do, and what is done at its end, perhaps together with other endings. Neither may raise."""

_MOMENT_SECONDS: Final = 0.05

_local = threading.local()


class _Turn:
    """Whether it is a thread's turn to listen; given back once, whoever says so."""

    def __init__(self, free: threading.Semaphore) -> None:
        self._free, self._lock, self.is_mine = free, threading.Lock(), False
        self._since: float | None = None
        self.endings = deque[Ending]()
        """Of what was done in this turn."""

    def take(self) -> None:
        self._free.acquire()
        self.is_mine = True

    def begin(self) -> None:
        """There is something to do."""
        self._since = time.monotonic()

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
            ending()


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
        listen: waits for something to do, and returns all there is; None once nothing more will come. It may not raise.
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
        """Waits until nothing more comes and all is done, or for so many seconds."""
        end = time.monotonic() + timeout
        for thread in self._threads:
            if thread.is_alive():  # or was never started
                thread.join(max(0.0, end - time.monotonic()))

    def _run(self, turn: _Turn) -> None:
        _local.turn = turn
        while True:
            turn.take()
            with self._lock:
                self._idle -= 1
            if not self._lead(turn):
                return
            while (work := self._next(leads=False)) is not None:
                self._do(work, turn)
                turn.end()

    def _lead(self, turn: _Turn) -> bool:
        """Listens, and does what it hears of, until another thread does; returns whether more may come."""
        heard: Sequence[Work] | None = ()
        while heard is not None:
            self._heard.extend(heard)
            turn.begin()
            while turn.is_mine and (work := self._next(leads=True)) is not None:
                self._do(work, turn)
            if not turn.end():
                return True
            heard = self._listen()
        turn.give_back()
        return False

    def _next(self, *, leads: bool) -> Work | None:
        """What to do; None for who leads while nobody else could, and for others to be idle from now on."""
        with self._lock:
            if self._heard and (self._idle or not leads):
                return self._heard.popleft()
            self._idle += not leads
            return None

    @staticmethod
    def _do(work: Work, turn: _Turn) -> None:
        if (ending := work()) is not None:
            turn.endings.append(ending)

    def _watch(self) -> None:
        """Gives back the turn of who has been at their work for more than a moment."""
        while any(thread.is_alive() for thread in self._threads):
            time.sleep(_MOMENT_SECONDS)
            for turn in self._turns:
                turn.give_back_if_late()
