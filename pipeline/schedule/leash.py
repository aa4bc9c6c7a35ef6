"""A run ends with the daemon that started it: killed, stopped, or cut off from the database.

The run reads a pipe from its daemon, which writes a byte whenever it has renewed the lease. It begins with the first
byte: a daemon that was stopped just before it started the run may have lost the lease meanwhile. When the pipe ends, or
stays silent for so long that another daemon might soon take over, the run kills itself and all its processes: a kill is
harmless at any moment, and two runs at once are not.
"""

import contextlib
import os
import select
import signal
import threading
from typing import Final

VARIABLE: Final = "TRAINWORKS_LEASH"
"""Environment variable of a run: the pipe's file descriptor and the seconds of silence, `7:20`."""


class Leash:
    """The daemon's end.

    Args:
        seconds: silence after which the run kills itself.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.far_end, self._near_end = os.pipe()
        os.set_blocking(self._near_end, False)

    @property
    def environment(self) -> dict[str, str]:
        """What the run must find in its environment, beside the descriptor `far_end`."""
        return {VARIABLE: f"{self.far_end}:{self._seconds}"}

    def started(self) -> None:
        """The run has its end now."""
        os.close(self.far_end)

    def beat(self) -> None:
        with contextlib.suppress(BrokenPipeError, BlockingIOError):  # it has ended, or has not begun to read
            os.write(self._near_end, b".")

    def drop(self) -> None:
        os.close(self._near_end)

    def discard(self) -> None:
        """There is no run."""
        self.started()
        self.drop()


def put_on() -> None:
    """Ties this process to the daemon that its environment names, and waits until that holds the lease.

    Without such a daemon, nothing happens.
    """
    value = os.environ.pop(VARIABLE, "")
    if value:
        descriptor, _, seconds = value.partition(":")
        arguments = (int(descriptor), float(seconds))
        os.set_inheritable(arguments[0], False)
        if not _hears(*arguments):
            _end()
        threading.Thread(target=_hold, args=arguments, name="leash", daemon=True).start()


def _hold(descriptor: int, seconds: float) -> None:
    while _hears(descriptor, seconds):
        pass
    _end()


def _hears(descriptor: int, seconds: float) -> bool:
    return bool(select.select([descriptor], [], [], seconds)[0] and os.read(descriptor, 4096))


def _end() -> None:
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
