"""Threads that take turns at Python's interpreter, and step aside when they are about to wait.

Python runs one thread at a time, so more busy ones than a few only get in each other's way: on half_plus_two,
two threads answer half as many calls again as eight do. But a model that takes its time needs a thread of its own. So
only some threads take calls; one that begins something long says `step_aside`, and another one takes its place.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any, Final, TypeVar

T = TypeVar("T")

_TURNS: Final = 2

_local = threading.local()


def step_aside() -> None:
    """Says that this thread will take its time: another one of its pool may take calls meanwhile.

    Elsewhere than in such a pool it does nothing.
    """
    turn: threading.Semaphore | None = getattr(_local, "turn", None)
    if turn is not None:
        _local.turn = None
        turn.release()


class TurnTaking(Executor):
    """A pool of threads of which two, and those that have stepped aside, work at the same time.

    Args:
        threads: how many there are at most.
        name: what they are called.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._work = SimpleQueue[Callable[[], None] | None]()
        self._turns = threading.Semaphore(min(_TURNS, threads))
        self._lock = threading.Lock()
        self._is_over = False
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
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
            if self._is_over:
                raise RuntimeError("The pool takes no work any more.")
            self._work.put(work)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """See Executor. What was begun or waits is still worked on; `cancel_futures` has no effect."""
        with self._lock:
            if not self._is_over:
                self._is_over = True
                for _ in self._threads:
                    self._work.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def _run(self) -> None:
        while True:
            if getattr(_local, "turn", None) is None:
                self._turns.acquire()
                _local.turn = self._turns
            work = self._work.get()
            if work is None:
                step_aside()
                return
            work()
            del work
