"""A run ends with the daemon that started it: killed, stopped, or cut off from the database.

The run reads a pipe from its daemon, which writes a byte whenever it has renewed the lease. When the pipe ends, or
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


def put_on() -> None:
    """Ties this process to the daemon that its environment names; without one, nothing happens."""
    value = os.environ.pop(VARIABLE, "")
    if value:
        descriptor, _, seconds = value.partition(":")
        arguments = (int(descriptor), float(seconds))
        threading.Thread(target=_hold, args=arguments, name="leash", daemon=True).start()


def _hold(descriptor: int, seconds: float) -> None:
    os.set_inheritable(descriptor, False)
    while select.select([descriptor], [], [], seconds)[0] and os.read(descriptor, 4096):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
