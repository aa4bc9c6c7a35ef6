"""Processes that are forked from one that has imported what they need, and what they say to the one they work for.

Nothing here imports TensorFlow or Beam. What crosses is pickled, between processes of one run, which nobody else can
reach. It needs Linux.
"""

import ctypes
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from logging.handlers import QueueHandler
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


class Said(IntEnum):
    """What a message is."""

    VALUE = 0
    """Something that was asked for."""
    DONE = 1
    """What the work came to in the end."""
    FAILED = 2
    """An exception that ended the work; see `failure`."""
    LOG = 3
    """A log record."""
    ASKED = 4
    """A question, whose answer comes the other way; or news that want none."""


def forked(work: Callable[[], object]) -> int:
    """A child that does some work, and is killed when the thread that called this ends; returns its id.

    To be called where that is the only thread of Python.
    """
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        end_with(parent)
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def end_with(parent: int) -> None:
    """Has the kernel kill this process when the thread of its parent that started it ends, or that has ended."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class Voice:
    """A process' end of a connection, to speak through from any thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._lock = connection, threading.Lock()

    def say(self, kind: Said, content: object) -> None:
        """Raises an OSError when nobody listens any more."""
        with self._lock:
            self._connection.send((kind, content))

    def fail(self, error: BaseException) -> None:
        """Says why the work has ended, with the traceback."""
        text = "".join(traceback.format_exception(error))
        try:
            ForkingPickler.loads(ForkingPickler.dumps(error))
        except Exception:
            error = RuntimeError(f"{type(error).__name__}: {error}")
        self.say(Said.FAILED, (error, text))

    def log(self) -> None:
        """Has what this process logs go through the connection, and nowhere else."""
        root = logging.getLogger()
        root.handlers[:] = [_Handler(self)]
        root.setLevel(logging.INFO)


class _Handler(QueueHandler):
    def __init__(self, voice: Voice) -> None:
        super().__init__(None)  # type: ignore[arg-type]  # `enqueue` is all that would use a queue
        self._voice = voice

    def enqueue(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            self._voice.say(Said.LOG, record)


def log_again(record: logging.LogRecord) -> None:
    """Handles another process' log record here."""
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


def failure(error: BaseException, text: str) -> BaseException:
    """The exception that ended another process' work; its cause shows the traceback there."""
    error.__cause__ = _Elsewhere(text)
    return error


class _Elsewhere(Exception):  # noqa: N818 (not raised: it holds the traceback of another process)
    def __str__(self) -> str:
        return f"\n{self.args[0]}"
