"""How much time a call has left, for whoever works on it in the same thread."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_AGES: Final = 1e6

_local = threading.local()


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """What is done inside has so many seconds; None for no limit."""
    before = getattr(_local, "end", None)
    if seconds is not None and seconds > _AGES:  # what gRPC says of a call without a limit
        seconds = None
    _local.end = None if seconds is None else time.monotonic() + seconds
    try:
        yield
    finally:
        _local.end = before


def seconds_left() -> float | None:
    """Seconds that are left, perhaps none; None where there is no limit."""
    end: float | None = getattr(_local, "end", None)
    return None if end is None else max(0.0, end - time.monotonic())
