"""Joins calls from many threads into batches, and gives each its share of the answer.

The rules are those of TF Serving's batching/batching_session.cc, with three differences: rows that cannot be joined go
into different batches instead of failing; the calls of a batch that fails are tried again one by one, so that a bad one
spoils no other; and a full queue is RESOURCE_EXHAUSTED.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from serving.batching.options import BatchingOptions
from serving.deadline import seconds_left
from serving.errors import Code, ServingError
from serving.interface import Array

Run = Callable[[Mapping[str, Array]], dict[str, Array]]

_OWN_FAULT: Final = (Code.INVALID_ARGUMENT, Code.OUT_OF_RANGE, Code.FAILED_PRECONDITION, Code.UNKNOWN, Code.INTERNAL)
"""What a batch may fail with because of one of its requests."""


@dataclass(frozen=True)
class BatchRecord:
    """A batch that was computed."""

    rows: int
    waited_seconds: float
    """The longest that one of its requests waited."""
    queued: int
    """Batches that wait."""


class _Task:
    """A call that waits for its share of a batch."""

    __slots__ = ("answer", "deadline", "done", "error", "inputs", "rows", "since")

    def __init__(self, inputs: Mapping[str, Array], rows: int, deadline: float | None) -> None:
        self.inputs, self.rows, self.deadline, self.since = inputs, rows, deadline, time.monotonic()
        self.answer: dict[str, Array] | None = None
        self.error: ServingError | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def finish(self, answer: dict[str, Array] | None, error: ServingError | None = None) -> None:
        self.answer, self.error = answer, error
        self.done.release()

    def result(self) -> dict[str, Array]:
        timeout = -1.0 if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        if not self.done.acquire(timeout=timeout):
            raise _too_late()
        if self.error is not None:
            raise self.error
        assert self.answer is not None
        return self.answer


@dataclass
class _Batch:
    """Tasks that are computed together."""

    key: Hashable
    due: float
    rows: int = 0
    tasks: list[_Task] = field(default_factory=list)

    def add(self, task: _Task) -> None:
        self.tasks.append(task)
        self.rows += task.rows


class Batcher:
    """One signature, called in batches. Its threads start with its first call.

    Args:
        run: computes outputs, each with as many rows as the inputs have; raises ServingError.
        options: how to join.
        observe: told of every batch.
    """

    def __init__(
        self, run: Run, options: BatchingOptions, observe: Callable[[BatchRecord], None] | None = None
    ) -> None:
        self._compute, self._options, self._observe = run, options, observe
        self._changed = threading.Condition(threading.Lock())
        self._open: dict[Hashable, _Batch] = {}  # oldest first
        self._full = deque[_Batch]()
        self._threads: list[threading.Thread] = []
        self._closed = False

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """The outputs for these inputs; waits for them.

        Raises:
            ServingError: INVALID_ARGUMENT for inputs without rows, of different numbers of rows, or of too many;
                RESOURCE_EXHAUSTED if too many batches wait; DEADLINE_EXCEEDED if the call's time is over before its
                turn; or what the batch fails with.
        """
        rows, largest = _rows(inputs), self._options.largest
        if rows > self._options.max_batch_size or (rows > largest and not self._options.enable_large_batch_splitting):
            raise ServingError(
                Code.INVALID_ARGUMENT,
                f"Task size {rows} is larger than maximum input batch size {self._options.max_batch_size}",
            )
        if rows <= largest:
            return self._submitted([inputs])[0].result()
        parts = [
            {alias: array[start : start + largest] for alias, array in inputs.items()}
            for start in range(0, rows, largest)
        ]
        answers = [task.result() for task in self._submitted(parts)]
        return {alias: np.concatenate([answer[alias] for answer in answers]) for alias in answers[0]}

    def close(self) -> None:
        """Computes what waits, takes nothing more, and ends its threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _submitted(self, parts: Sequence[Mapping[str, Array]]) -> list[_Task]:
        left = seconds_left()
        deadline = None if left is None else time.monotonic() + left
        tasks = [_Task(inputs, _rows(inputs), deadline) for inputs in parts]
        with self._changed:
            if self._closed:
                raise ServingError(Code.UNAVAILABLE, "The model is being unloaded.")
            new = sum(not self._fits(task) for task in tasks)
            if new and len(self._full) + len(self._open) + new > self._options.max_enqueued_batches:
                raise ServingError(
                    Code.RESOURCE_EXHAUSTED,
                    f"The batch scheduling queue is full: {self._options.max_enqueued_batches} batches wait already.",
                )
            for task in tasks:
                self._enqueue(task)
            if not self._threads:
                self._start()
            self._changed.notify()
        return tasks

    def _fits(self, task: _Task) -> bool:
        """Whether a batch that waits already has room."""
        batch = self._open.get(self._key(task.inputs))
        return batch is not None and batch.rows + task.rows <= self._options.largest

    def _enqueue(self, task: _Task) -> None:
        key = self._key(task.inputs)
        batch = self._open.get(key)
        if batch is not None and batch.rows + task.rows > self._options.largest:
            self._full.append(self._open.pop(key))
            batch = None
        if batch is None:
            due = task.since + self._options.batch_timeout_micros / 1e6
            batch = self._open[key] = _Batch(key, due)
        batch.add(task)
        if batch.rows == self._options.largest:
            self._full.append(self._open.pop(key))

    def _key(self, inputs: Mapping[str, Array]) -> Hashable:
        """What rows must have in common to go together."""
        if self._options.pad_variable_length_inputs:
            return tuple((alias, array.dtype.char, array.ndim) for alias, array in inputs.items())
        return tuple((alias, array.dtype.char, array.shape[1:]) for alias, array in inputs.items())

    def _start(self) -> None:
        for number in range(self._options.num_batch_threads):
            self._threads.append(threading.Thread(target=self._work, name=f"batch-{number}", daemon=True))
            self._threads[-1].start()

    def _work(self) -> None:
        while (taken := self._next()) is not None:
            self._answer(*taken)

    def _next(self) -> tuple[_Batch, int] | None:
        """The next batch that is full or due, and how many wait behind it; None at the end."""
        with self._changed:
            while True:
                if self._full:
                    return self._full.popleft(), len(self._full) + len(self._open)
                oldest = min(self._open.values(), key=lambda batch: batch.due, default=None)
                if oldest is not None:
                    wait = oldest.due - time.monotonic()
                    if wait <= 0 or self._closed:
                        return self._open.pop(oldest.key), len(self._open)
                    self._changed.wait(wait)
                elif self._closed:
                    return None
                else:
                    self._changed.wait()

    def _answer(self, batch: _Batch, queued: int) -> None:
        now = time.monotonic()
        tasks = list[_Task]()
        for task in batch.tasks:
            if task.deadline is not None and task.deadline <= now:
                task.finish(None, _too_late())
            else:
                tasks.append(task)
        if not tasks:
            return
        if self._observe is not None:
            rows = sum(task.rows for task in tasks)
            self._observe(BatchRecord(rows, now - min(task.since for task in tasks), queued))
        try:
            answers = self._computed(tasks)
        except ServingError as error:
            self._answer_failed(tasks, error)
        except Exception as error:  # whatever happens, nobody may wait for ever
            failed = ServingError(Code.INTERNAL, f"The batch failed unexpectedly: {type(error).__name__}: {error}")
            for task in tasks:
                task.finish(None, failed)
        else:
            for task, answer in zip(tasks, answers, strict=True):
                task.finish(answer)

    def _answer_failed(self, tasks: Sequence[_Task], error: ServingError) -> None:
        """Each request by itself, where one of them may be at fault."""
        alone = len(tasks) > 1 and error.code in _OWN_FAULT
        for task in tasks:
            if not alone:
                task.finish(None, error)
                continue
            try:
                task.finish(self._computed([task])[0])
            except ServingError as own:
                task.finish(None, own)
            except Exception as own:
                task.finish(None, ServingError(Code.INTERNAL, f"{type(own).__name__}: {own}"))

    def _computed(self, tasks: Sequence[_Task]) -> list[dict[str, Array]]:
        rows = sum(task.rows for task in tasks)
        size = self._options.padded(rows)
        inputs = {alias: _joined([task.inputs[alias] for task in tasks], size) for alias in tasks[0].inputs}
        outputs = self._compute(inputs)
        for alias, array in outputs.items():
            if not array.ndim or len(array) != size:
                raise ServingError(
                    Code.FAILED_PRECONDITION,
                    f"Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the"
                    f" input tensors: `{alias}` has shape {list(array.shape)} for {size} rows",
                )
        answers, start = [], 0
        for task in tasks:
            end = start + task.rows
            answers.append({alias: array[start:end] for alias, array in outputs.items()})
            start = end
        return answers


def _rows(inputs: Mapping[str, Array]) -> int:
    sizes = {array.shape[0] if array.ndim else -1 for array in inputs.values()}
    if len(sizes) != 1 or -1 in sizes:
        raise ServingError(
            Code.INVALID_ARGUMENT, "Batching needs inputs with at least one dimension, the first of equal size"
        )
    return int(sizes.pop())


def _joined(arrays: Sequence[Array], size: int) -> Array:
    """One array of `size` rows: those of all arrays, then the last one again and again."""
    shapes = {array.shape[1:] for array in arrays}
    if len(shapes) > 1:
        largest = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
        arrays = [_filled(array, largest) for array in arrays]
    joined = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    missing = size - len(joined)
    return np.concatenate([joined, np.repeat(joined[-1:], missing, axis=0)]) if missing and len(joined) else joined


def _filled(array: Array, shape: tuple[int, ...]) -> Array:
    if array.shape[1:] == shape:
        return array
    nothing: Any = b"" if array.dtype.hasobject else 0
    whole = np.full((len(array), *shape), nothing, array.dtype)
    whole[tuple(slice(size) for size in array.shape)] = array
    return whole


def _too_late() -> ServingError:
    return ServingError(Code.DEADLINE_EXCEEDED, "The call's time was over before it had its turn.")
