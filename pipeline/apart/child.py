"""The process of one step: it runs a component as the run's own process would, and is killed when that goes away."""

import itertools
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from components.component import Progress
from components.processes import Said, Voice
from pipeline.apart.job import Advanced, AskedDigest, Bar, Job, Surroundings


def run_job(descriptor: int) -> None:
    """Runs the job that comes through a socket; says what its outputs are, or what it failed with."""
    from components.transforms.spread import end_pool, start_pool

    connection = Connection(descriptor)
    job: Job = connection.recv()
    sys.path[:] = job.import_path
    start_pool(job.workers)
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, answers), name="listen", daemon=True).start()
    voice = Voice(connection)
    voice.log()
    try:
        job.component.run(_Context(**vars(job.surroundings), voice=voice, answers=answers))
        end_pool()
        voice.say(Said.DONE, {name: getattr(job.component, name) for name in job.component.outputs})
    except BaseException as error:
        voice.fail(error)


def _listen(connection: Connection, answers: "queue.SimpleQueue[Any]") -> None:
    try:
        while True:
            answers.put(connection.recv())
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, kw_only=True)
class _Context(Surroundings):
    """The `Context` of a step in a process of its own."""

    voice: Voice
    answers: "queue.SimpleQueue[Any]"
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def logger(self) -> logging.Logger:
        return logging.getLogger(f"trainworks.{self.node}")

    def digest(self, path: Path) -> str:
        self.voice.say(Said.ASKED, AskedDigest(path))
        answer = self.answers.get()
        if isinstance(answer, OSError):
            raise answer
        return str(answer)

    @contextmanager
    def progress(self, description: str, total: int | None = None) -> Iterator[Progress]:
        number = next(self.numbers)
        self.voice.say(Said.ASKED, Bar(number, description, total))
        try:
            yield _Bar(self.voice, number)
        finally:
            self.voice.say(Said.ASKED, Advanced(number, ended=True))


@dataclass(frozen=True)
class _Bar:
    voice: Voice
    number: int

    def advance(self, steps: int = 1, **shown: float) -> None:
        self.voice.say(Said.ASKED, Advanced(self.number, steps, tuple(shown.items())))
