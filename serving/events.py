"""What a server tells the person who started it: one line an event, on standard error."""

import logging
import os
import sys
from typing import TextIO

_FORMAT = "%(asctime)s %(message)s"
_LOUD = "%(asctime)s %(levelname)s: %(message)s"
_TIME = "%H:%M:%S"


def tell_events() -> None:
    """Shows what this package logs, and warnings of everybody else, on the present standard error.

    That stream stays the same while file descriptor 2 leads elsewhere, as it does during TensorFlow's import.
    """
    handler = logging.StreamHandler(_own_stderr())
    handler.setFormatter(_Lines())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("serving").setLevel(logging.INFO)


class _Lines(logging.Formatter):
    """The time and what happened; how bad it is where it is."""

    def __init__(self) -> None:
        super().__init__(_FORMAT, _TIME)
        self._loud = logging.Formatter(_LOUD, _TIME)

    def format(self, record: logging.LogRecord) -> str:
        return self._loud.format(record) if record.levelno >= logging.WARNING else super().format(record)


def _own_stderr() -> TextIO:
    try:
        return os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8", errors="backslashreplace", buffering=1)
    except (OSError, ValueError):  # standard error is an object of Python's, in a notebook say
        return sys.stderr
