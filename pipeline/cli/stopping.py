"""How a command that serves is told to stop."""

import os
import signal
from queue import SimpleQueue
from typing import Any


class Stop:
    """What signals say.

    No Event: its lock is held while its `wait` begins, and a handler that runs just then and wants to set it waits for
    its own thread. What puts into a SimpleQueue may interrupt what takes from it.
    """

    def __init__(self) -> None:
        self.is_asked = False
        self._signals = SimpleQueue[int]()

    def ask(self, number: int, _: Any) -> None:
        """A handler: the first signal asks to stop, the second ends the process."""
        if self.is_asked:
            os._exit(128 + number)
        self.is_asked = True
        self._signals.put(number)

    def wait(self) -> None:
        """Returns once it is asked to stop; for one thread."""
        self._signals.get()


def stop_on_signals() -> Stop:
    """Asked by the first SIGTERM or SIGINT; the second ends the process."""
    stop = Stop()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop.ask)
    return stop
