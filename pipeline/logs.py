"""Who may speak where: the terminal is for people, the run's log file for everything else.

TensorFlow, absl and Beam write through Python's logging, through `sys.stderr`, and from C++ straight to file
descriptor 2. While a run goes on, all three end in its log file, and so does what a step prints; only the stream that
`captured` yields still leads to the terminal.
"""

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

_QUIET: Final = {"TF_CPP_MIN_LOG_LEVEL": "1", "GRPC_VERBOSITY": "ERROR"}
_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextmanager
def captured(log: Path) -> Iterator[TextIO]:
    """Sends both standard streams, down to their file descriptors, and Python's logging to a file.

    Yields:
        a stream to where standard error led before.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(_outside())
        file = stack.enter_context(log.open("a", encoding="utf-8", errors="backslashreplace", buffering=1))
        for descriptor in (1, 2):
            stack.enter_context(_redirected(descriptor, file.fileno()))
        stack.enter_context(_logging_to(logging.StreamHandler(file)))
        yield stream


@contextmanager
def silenced() -> Iterator[None]:
    """Drops what is written to file descriptor 2: TensorFlow's chatter at its import, which no setting turns off."""
    with Path(os.devnull).open("w") as nowhere, _redirected(2, nowhere.fileno()):
        yield


@contextmanager
def warnings_shown(show: Callable[[str], None]) -> Iterator[None]:
    """Passes what steps log as warnings or worse to `show` too, beside the log file."""
    handler = _Shown(show)
    handler.setLevel(logging.WARNING)
    logger = logging.getLogger("trainworks")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Shown(logging.Handler):
    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        self._show(f"{record.name.removeprefix('trainworks.')}: {record.getMessage()}")


@contextmanager
def _outside() -> Iterator[TextIO]:
    """A stream that keeps leading to the present standard error.

    Where `sys.stderr` is no view of descriptor 2 (in a notebook, say), it is that object.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        direct = sys.stderr.fileno() == 2
    except (OSError, ValueError):
        direct = False
    if not direct:
        yield sys.stderr
        return
    encoding = sys.stderr.encoding or "utf-8"
    with os.fdopen(os.dup(2), "w", encoding=encoding, errors="backslashreplace", buffering=1) as stream:
        yield stream


@contextmanager
def _redirected(descriptor: int, target: int) -> Iterator[None]:
    python_stream = {1: sys.stdout, 2: sys.stderr}[descriptor]
    saved = os.dup(descriptor)
    os.dup2(target, descriptor)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            python_stream.flush()
        os.dup2(saved, descriptor)
        os.close(saved)


@contextmanager
def _logging_to(handler: logging.Handler) -> Iterator[None]:
    """Root logging at level INFO to a handler, whose own errors are dropped: a full disk is told already."""
    handler.setFormatter(logging.Formatter(_FORMAT))
    root = logging.getLogger()
    level, raising = root.level, logging.raiseExceptions
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.raiseExceptions = False
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        logging.raiseExceptions = raising
