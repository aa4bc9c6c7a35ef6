"""Threads that take turns at Python's interpreter, and step aside when they wait.

Python runs one thread at a time, so more busy ones than a few only get in each other's way: on half_plus_two, two
threads answer half as many calls again as eight do. But a model that takes its time needs a thread of its own. So only
some threads take calls; one that begins something long says `step_aside`, and another one takes its place. So it does,
too, when a call is not done after a moment: its client may not even have sent all of it.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any, Final, TypeVar

T = TypeVar("T")

_TURNS: Final = 2
_MOMENT_SECONDS: Final = 0.05

_local = threading.local()


class _Turn:
    """Whether a thread has its turn; given back once, whoever says so."""

    def __init__(self, turns: threading.Semaphore) -> None:
        self._turns, self._lock, self._is_mine = turns, threading.Lock(), False
        self.since: float | None = None
        """When the present work was begun, as time.monotonic tells."""

    def take(self) -> None:
        if not self._is_mine:
            self._turns.acquire()
            self._is_mine = True

    def give_back(self) -> None:
        with self._lock:
            if self._is_mine:
                self._is_mine = False
                self._turns.release()


def step_aside() -> None:
    """Says that this thread will take its time: another one of its pool may take calls meanwhile.

    Elsewhere than in such a pool it does nothing.
    """
    turn: _Turn | None = getattr(_local, "turn", None)
    if turn is not None:
        turn.give_back()


class TurnTaking(Executor):
    """A pool of threads of which two, and those that have stepped aside, work at the same time.

    Args:
        threads: how many there are at most.
        name: what they are called.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._work = SimpleQueue[Callable[[], None] | None]()
        turns = threading.Semaphore(min(_TURNS, threads))
        self._turns = [_Turn(turns) for _ in range(threads)]
        self._lock, self._over = threading.Lock(), threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(turn,), name=f"{name}-{number}", daemon=True)
            for number, turn in enumerate(self._turns)
        ]
        for thread in (*self._threads, threading.Thread(target=self._watch, name=f"{name}-watch", daemon=True)):
            thread.start()

    def submit(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """See Executor; raises RuntimeError after `shutdown`."""
        future = Future[T]()

        def work() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(*args, **kwargs))
                except BaseException as error:
                    future.set_exception(error)

        with self._lock:
            if self._over.is_set():
                raise RuntimeError("The pool takes no work any more.")
            self._work.put(work)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See Executor. What was begun or waits is still worked on; `cancel_futures` has no effect."""
        with self._lock:
            if not self._over.is_set():
                self._over.set()
                for _ in self._threads:
                    self._work.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _run(self, turn: _Turn) -> None:
        _local.turn = turn
        while True:
            turn.take()
            work = self._work.get()
            if work is None:
                turn.give_back()
                return
            turn.since = time.monotonic()
            work()
            turn.since = None
            del work

    def _watch(self) -> None:
        """Gives back the turns of those who have been at their work for more than a moment."""
        while any(thread.is_alive() for thread in self._threads) or not self._over.is_set():
            time.sleep(_MOMENT_SECONDS)
            now = time.monotonic()
            for turn in self._turns:
                since = turn.since
                if since is not None and now - since > _MOMENT_SECONDS:
                    turn.give_back()
