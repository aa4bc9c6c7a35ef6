"""A DoFn over several processes of one machine, where Beam's in-process runner would use one of its cores.

The process that runs a step has a pool or none (`start_pool`); `Spread` stands where a pipeline would say Reshuffle and
ParDo, and is just that where there is none. A pool gives what a DoFn yields in the order of its elements, whoever takes
them.
"""

import logging
import os
import socket
import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import Any, Final

import apache_beam as beam
from apache_beam.internal import pickler
from apache_beam.metrics import Metrics
from apache_beam.runners.worker import statesampler

from components.processes import Said, Voice, failure, forked, log_again
from schemas.errors import TrainworksError

_log = logging.getLogger(__name__)
_THREADS: Final = 2
"""Of TensorFlow in each process: what it reads and parses ahead."""


class Spread(beam.PTransform):
    """A ParDo over elements that are few, and each much work; no result may depend on which of them one DoFn sees.

    Args:
        dofn: what is done with an element; where there is a pool, only its `process` is called.
        tags: its outputs beside the main one.
        main: the main output's name, where there are others.
    """

    def __init__(self, dofn: beam.DoFn, *tags: str, main: str | None = None) -> None:
        super().__init__()
        self._dofn, self._tags, self._main = dofn, tags, main

    def expand(self, elements: beam.PCollection) -> Any:  # a PCollection, or several by tag
        if has_pool():
            gathered = elements | "Gather" >> beam.combiners.ToList()
            return gathered | "Over processes" >> self._outputs(beam.ParDo(_OverPool(self._dofn)))
        return elements | "Reshuffle" >> beam.Reshuffle() | "In process" >> self._outputs(beam.ParDo(self._dofn))

    def _outputs(self, do: beam.ParDo) -> beam.PTransform:
        return do.with_outputs(*self._tags, main=self._main) if self._tags else do


class _OverPool(beam.DoFn):
    def __init__(self, dofn: beam.DoFn) -> None:
        self._dofn = dofn

    def process(self, elements: Sequence[Any]) -> Iterator[Any]:
        assert _pool, "the pool belongs to the process that made the pipeline"
        yield from _pool.over(self._dofn, elements)


class Pool:
    """Processes that wait for work, forked from this one.

    Args:
        size: how many.
    """

    def __init__(self, size: int) -> None:
        self._connections: list[Connection] = []
        self._children: list[int] = []
        for _ in range(size):
            near, far = socket.socketpair()
            ours: list[Connection | socket.socket] = [near, *self._connections]
            self._children.append(forked(partial(_work, far, ours)))
            far.close()
            self._connections.append(Connection(near.detach()))

    def over(self, dofn: beam.DoFn, elements: Sequence[Any]) -> Iterator[Any]:
        """What `process` yields for all elements, in their order. Counters count as if it ran here.

        Raises:
            Exception: what the DoFn raised.
            TrainworksError: a process was killed.
        """
        work = _Work(dofn, elements)
        for connection in self._connections:
            work.begin(connection)
        while work.busy:
            for ready in wait(list(work.busy)):
                assert isinstance(ready, Connection)
                work.hear(ready)
            yield from work.in_order()

    def close(self) -> None:
        """Ends the processes, which have no work, and waits for them."""
        for connection in self._connections:
            connection.close()
        for child in self._children:
            with suppress(ChildProcessError):
                os.waitpid(child, 0)


class _Work:
    """One DoFn over some elements: which process has which element, and what was said of each."""

    def __init__(self, dofn: beam.DoFn, elements: Sequence[Any]) -> None:
        self._dofn, self._waiting = pickler.dumps(dofn), deque(enumerate(elements))
        self._said: list[deque[Any]] = [deque() for _ in elements]
        self._done, self._turn = set[int](), 0
        self.busy: dict[Connection, int] = {}

    def begin(self, connection: Connection) -> None:
        """Gives a process the DoFn with its first element."""
        self._give(connection, self._dofn)

    def hear(self, connection: Connection) -> None:
        """Takes what a process says. Raises what it failed with."""
        place = self.busy[connection]
        try:
            kind, content = connection.recv()
        except (EOFError, OSError) as error:
            raise TrainworksError(
                "A process that prepared data was killed; the machine may have run out of memory. Give `beam.workers` a"
                " smaller number."
            ) from error
        if kind == Said.VALUE:
            self._said[place].append(content)
        elif kind == Said.LOG:
            log_again(content)
        elif kind == Said.FAILED:
            raise failure(*content)
        else:
            self._done.add(place)
            _count(content)
            del self.busy[connection]
            self._give(connection, None)

    def in_order(self) -> Iterator[Any]:
        """What has come of elements before which nothing is to come."""
        while self._turn < len(self._said):
            said = self._said[self._turn]
            while said:
                yield said.popleft()
            if self._turn not in self._done:
                return
            self._turn += 1

    def _give(self, connection: Connection, dofn: bytes | None) -> None:
        if self._waiting:
            place, element = self._waiting.popleft()
            self.busy[connection] = place
            connection.send((dofn, element))


_pool: Pool | None = None


def start_pool(size: int) -> None:
    """Gives this process a pool for the rest of its life; it has no other thread yet."""
    global _pool  # noqa: PLW0603 (of the process, as its children are)
    _pool = Pool(size)


def end_pool() -> None:
    """Ends the pool, if there is one."""
    global _pool  # noqa: PLW0603 (of the process, as its children are)
    if _pool:
        _pool.close()
        _pool = None


def has_pool() -> bool:
    """Whether what is spread here goes to several processes."""
    return _pool is not None


def _work(far: socket.socket, others: Sequence[Connection | socket.socket]) -> None:
    """The life of a process of a pool."""
    for other in others:
        other.close()
    connection = Connection(far.detach())
    voice = Voice(connection)
    voice.log()
    _limit_threads()
    dofn = None
    with suppress(EOFError):
        while True:
            pickled, element = connection.recv()
            dofn = pickler.loads(pickled) if pickled else dofn
            _do(dofn, element, voice)


def _do(dofn: Any, element: Any, voice: Voice) -> None:
    counters = _Counters()
    statesampler.set_current_tracker(counters)
    try:
        for value in dofn.process(element) or ():
            voice.say(Said.VALUE, value)
    except Exception as error:
        _log.exception("%s failed", type(dofn).__name__)  # Beam keeps the exception, and not where it comes from
        voice.fail(error)
    else:
        voice.say(Said.DONE, counters.counts)


def _limit_threads() -> None:
    """As many processes as cores, each with as many threads, would be too many."""
    if tensorflow := sys.modules.get("tensorflow"):
        tensorflow.config.threading.set_intra_op_parallelism_threads(_THREADS)
        tensorflow.config.threading.set_inter_op_parallelism_threads(_THREADS)


class _Counters:
    """Stands where Beam keeps a worker's metrics."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def update_metric(self, metric: Any, value: int) -> None:
        self.counts[metric.metric_name.namespace, metric.metric_name.name] += value


def _count(counts: Counter[tuple[str, str]]) -> None:
    for (namespace, name), count in counts.items():
        Metrics.counter(namespace, name).inc(count)
