"""Threads for work that an event loop must not wait for, and no more of it than they can do."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from serving.errors import Code, ServingError

T = TypeVar("T")


class Workers:
    """A pool of threads with a bounded queue. Belongs to one event loop.

    Args:
        name: of the threads.
        threads: what is worked on at once.
        queue: what may wait for a thread beside.
    """

    def __init__(self, name: str, threads: int, queue: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._threads, self._queue = threads, queue
        self._taken = 0  # only the event loop counts

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """What a function returns, or raises, in one of the threads.

        Raises:
            ServingError: RESOURCE_EXHAUSTED, too much waits already.
        """
        if self._taken >= self._threads + self._queue:
            raise ServingError(Code.RESOURCE_EXHAUSTED, f"More than {self._queue} calls wait already.")
        self._taken += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, function, *args)
        future.add_done_callback(self._done)
        return await future

    def close(self) -> None:
        """Begins nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self, _: Any) -> None:
        self._taken -= 1
