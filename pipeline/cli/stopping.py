"""How a command that serves is told to stop."""

import os
import signal
import threading
from typing import Any


def stop_on_signals() -> threading.Event:
    """Set by the first SIGTERM or SIGINT; the second ends the process."""
    stopped = threading.Event()

    def stop(number: int, _: Any) -> None:
        if stopped.is_set():
            os._exit(128 + number)
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return stopped
