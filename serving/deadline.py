"""How much time a call has left, for whoever works on it in the same thread."""

import threading
import time
from typing import Final

_AGES: Final = 1e6

_local = threading.local()


class within:  # noqa: N801
    """What is done inside has so many seconds; None for no limit. (A class: it is entered for every call.)"""

    __slots__ = ("_before", "_seconds")

    def __init__(self, seconds: float | None) -> None:
        # what gRPC says of a call without a limit is some ages
        self._seconds = None if seconds is None or seconds > _AGES else seconds

    def __enter__(self) -> None:
        self._before: float | None = getattr(_local, "end", None)
        _local.end = None if self._seconds is None else time.monotonic() + self._seconds

    def __exit__(self, *_: object) -> None:
        _local.end = self._before


def seconds_left() -> float | None:
    """Seconds that are left, perhaps none; None where there is no limit."""
    end: float | None = getattr(_local, "end", None)
    return None if end is None else max(0.0, end - time.monotonic())
