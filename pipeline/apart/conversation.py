"""What a run's process and the process of a step say to each other."""

import copy
import sys
from contextlib import ExitStack, suppress
from dataclasses import fields
from multiprocessing.connection import Connection

from components.component import Component, Progress
from components.processes import Said, failure, log_again
from pipeline.apart.job import Advanced, AskedDigest, Bar, Job, Surroundings
from pipeline.context import RunContext
from schemas.errors import TrainworksError


class Conversation:
    """What the process of a step says until it is done."""

    def __init__(self, connection: Connection, context: RunContext) -> None:
        self._connection, self._context = connection, context
        self._bars: dict[int, tuple[Progress, ExitStack]] = {}

    def outcome(self, job: Job) -> dict[str, object] | BaseException:
        """The outputs, or what the component raised. Raises a TrainworksError where its process was killed."""
        try:
            self._connection.send(job)
        except OSError as error:
            raise _killed() from error
        while True:
            try:
                kind, content = self._connection.recv()
            except (EOFError, OSError) as error:
                raise _killed() from error
            if kind == Said.DONE:
                outputs: dict[str, object] = content
                return outputs
            if kind == Said.FAILED:
                return failure(*content)
            if kind == Said.LOG:
                log_again(content)
            else:
                self._attend(content)

    def _attend(self, asked: AskedDigest | Bar | Advanced) -> None:
        if isinstance(asked, AskedDigest):
            try:
                self._connection.send(self._context.digest(asked.path))
            except OSError as error:
                self._connection.send(error)
        elif isinstance(asked, Bar):
            stack = ExitStack()
            bar = stack.enter_context(self._context.progress(asked.description, asked.total))
            self._bars[asked.number] = bar, stack
        elif asked.ended:
            self._bars.pop(asked.number)[1].close()
        else:
            self._bars[asked.number][0].advance(asked.steps, **dict(asked.shown))


def job_of(component: Component, context: RunContext, workers: int) -> Job:
    """What the process of a step is told."""
    alone = copy.copy(component)
    alone.inputs = {}  # promises, behind which stands the whole pipeline
    return Job(
        component=alone,
        workers=workers,
        import_path=tuple(sys.path),
        surroundings=Surroundings(**{field.name: getattr(context, field.name) for field in fields(Surroundings)}),
    )


def _killed() -> TrainworksError:
    return TrainworksError(
        "The process that prepared data was killed; the machine may have run out of memory. `beam.workers: 1` prepares"
        " it in the run's own process."
    )


def wait_for_end(connection: Connection) -> None:
    """Until no process holds the other end."""
    with suppress(EOFError, OSError):
        while True:
            connection.recv_bytes()
