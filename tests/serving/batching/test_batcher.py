"""Calls from many threads, joined; what is computed is simple enough to be checked by hand."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from serving.batching.batcher import Batcher, BatchRecord
from serving.batching.options import BatchingOptions
from serving.deadline import within
from serving.errors import Code, ServingError
from tests.serving.clients import until

Arrays = Mapping[str, Any]


class Doubler:
    """Doubles, remembers what it was given, and waits if it is told to."""

    def __init__(self) -> None:
        self.given: list[Any] = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, inputs: Arrays) -> dict[str, Any]:
        assert self.gate.wait(30)
        x = inputs["x"]
        self.given.append(x.copy())
        if x.dtype.kind == "f" and (x < 0).any():
            raise ServingError(Code.INVALID_ARGUMENT, "negative")
        return {"y": x * 2 if x.dtype.kind != "O" else x}


def _x(*values: Any) -> dict[str, Any]:
    return {"x": np.array(values, np.float32)}


def _held(batcher: Batcher, doubler: Doubler, calls: list[Arrays]) -> list[Any]:
    """Results or errors of calls that come while the only thread is busy with another one, in their order."""
    doubler.gate.clear()
    with ThreadPoolExecutor(len(calls) + 1) as pool:
        first = pool.submit(batcher.run, _x(0))
        until(lambda: not batcher._open and not batcher._full and bool(batcher._threads))
        futures = []
        for call in calls:
            waiting = _waiting(batcher)
            future = pool.submit(batcher.run, call)
            until(lambda waiting=waiting, future=future: _waiting(batcher) > waiting or future.done())  # type: ignore[misc]
            futures.append(future)
        doubler.gate.set()
        first.result()
        return [future.exception() or future.result()["y"].tolist() for future in futures]


def _waiting(batcher: Batcher) -> int:
    return sum(len(batch.tasks) for batch in [*batcher._open.values(), *batcher._full])


def test_calls_are_joined_and_get_their_own_rows() -> None:
    doubler, records = Doubler(), list[BatchRecord]()
    batcher = Batcher(doubler, BatchingOptions(max_batch_size=4, num_batch_threads=1), records.append)
    found = _held(batcher, doubler, [_x(1), _x(2, 3), _x(4, 5), _x(6)])
    assert found == [[2.0], [4.0, 6.0], [8.0, 10.0], [12.0]]
    assert [given.tolist() for given in doubler.given] == [[0], [1, 2, 3], [4, 5, 6]]
    assert [record.rows for record in records] == [1, 3, 3]
    assert records[1].queued == 1 and records[1].waited_seconds > 0
    batcher.close()
    with pytest.raises(ServingError, match="being unloaded"):
        batcher.run(_x(1))


def test_a_batch_waits_for_others_but_not_for_long() -> None:
    doubler = Doubler()
    batcher = Batcher(doubler, BatchingOptions(max_batch_size=2, batch_timeout_micros=200_000, num_batch_threads=1))
    start = time.monotonic()
    assert batcher.run(_x(1))["y"].tolist() == [2.0]
    assert 0.19 < time.monotonic() - start < 5
    with ThreadPoolExecutor(2) as pool:
        start = time.monotonic()
        assert [one["y"].tolist() for one in pool.map(batcher.run, [_x(1), _x(2)])] == [[2.0], [4.0]]
    assert doubler.given[-1].shape == (2,)
    batcher.close()


def test_batches_are_filled_up_to_an_allowed_size() -> None:
    doubler = Doubler()
    batcher = Batcher(doubler, BatchingOptions(max_batch_size=8, num_batch_threads=1, allowed_batch_sizes=(4, 8)))
    assert batcher.run(_x(1, 2, 3))["y"].tolist() == [2.0, 4.0, 6.0]
    assert doubler.given[-1].tolist() == [1, 2, 3, 3]
    assert batcher.run(_x(1, 2, 3, 4))["y"].shape == (4,)
    batcher.close()


def test_rows_of_other_shapes_or_types_go_apart_unless_they_are_padded() -> None:
    calls: list[Arrays] = [
        {"x": np.float32([[1, 2]])},
        {"x": np.float32([[3, 4, 5]])},
        {"x": np.array([[b"a"]], object)},
        {"x": np.float32([[6, 7]])},
        {"x": np.array([[b"b", b"c"]], object)},
    ]
    values = [[[2, 4]], [[6, 8, 10]], [[b"a"]], [[12, 14]], [[b"b", b"c"]]]
    doubler = Doubler()
    batcher = Batcher(doubler, BatchingOptions(max_batch_size=8, num_batch_threads=1))
    assert _held(batcher, doubler, calls) == values
    assert [given.shape for given in doubler.given[1:]] == [(2, 2), (1, 3), (1, 1), (1, 2)]
    batcher.close()

    doubler = Doubler()
    batcher = Batcher(doubler, BatchingOptions(max_batch_size=8, num_batch_threads=1, pad_variable_length_inputs=True))
    found = _held(batcher, doubler, calls)
    assert [given.tolist() for given in doubler.given[1:]] == [
        [[1, 2, 0], [3, 4, 5], [6, 7, 0]],
        [[b"a", b""], [b"b", b"c"]],
    ]
    assert found == [[[2, 4, 0]], [[6, 8, 10]], [[b"a", b""]], [[12, 14, 0]], [[b"b", b"c"]]]
    batcher.close()


def test_one_bad_request_spoils_no_other() -> None:
    doubler = Doubler()
    batcher = Batcher(doubler, BatchingOptions(max_batch_size=8, num_batch_threads=1))
    first, bad, last = _held(batcher, doubler, [_x(1), _x(-1), _x(3)])
    assert (first, last) == ([2.0], [6.0])
    assert isinstance(bad, ServingError) and bad.message == "negative"
    batcher.close()


def test_a_full_queue_refuses_at_once() -> None:
    doubler = Doubler()
    batcher = Batcher(doubler, BatchingOptions(max_batch_size=1, max_enqueued_batches=2, num_batch_threads=1))
    found = _held(batcher, doubler, [_x(1), _x(2), _x(3), _x(4)])
    assert found[:2] == [[2.0], [4.0]]
    assert [one.code for one in found[2:]] == [Code.RESOURCE_EXHAUSTED] * 2
    batcher.close()


def test_who_is_too_late_is_not_computed() -> None:
    doubler = Doubler()
    batcher = Batcher(doubler, BatchingOptions(max_batch_size=1, num_batch_threads=1))
    doubler.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(batcher.run, _x(0))
        until(lambda: bool(batcher._threads) and not batcher._full and not batcher._open)
        with within(0.05), pytest.raises(ServingError) as raised:
            batcher.run(_x(1))
        assert raised.value.code is Code.DEADLINE_EXCEEDED
        doubler.gate.set()
        first.result()
    assert batcher.run(_x(2))["y"].tolist() == [4.0]
    assert [given.tolist() for given in doubler.given] == [[0.0], [2.0]]
    batcher.close()


def test_large_requests_are_refused_or_cut() -> None:
    doubler = Doubler()
    batcher = Batcher(doubler, BatchingOptions(max_batch_size=4, num_batch_threads=1))
    with pytest.raises(ServingError, match="Task size 5 is larger than maximum input batch size 4") as raised:
        batcher.run(_x(*range(5)))
    assert raised.value.code is Code.INVALID_ARGUMENT
    batcher.close()
    options = BatchingOptions(8, num_batch_threads=2, enable_large_batch_splitting=True, max_execution_batch_size=3)
    batcher = Batcher(doubler, options)
    assert batcher.run(_x(*range(8)))["y"].tolist() == [0, 2, 4, 6, 8, 10, 12, 14]
    assert max(len(given) for given in doubler.given) == 3
    with pytest.raises(ServingError, match="Task size 9"):
        batcher.run(_x(*range(9)))
    batcher.close()


@pytest.mark.parametrize(
    "inputs",
    [{}, {"x": np.float32(1)}, {"x": np.float32([1]), "z": np.float32([1, 2])}],
    ids=["none", "scalar", "unequal"],
)
def test_inputs_must_have_rows(inputs: Arrays) -> None:
    batcher = Batcher(Doubler(), BatchingOptions())
    with pytest.raises(ServingError, match="the first of equal size"):
        batcher.run(inputs)


def test_outputs_must_have_rows() -> None:
    batcher = Batcher(lambda inputs: {"y": np.float32(1)}, BatchingOptions(num_batch_threads=1))
    with pytest.raises(ServingError, match="Batched output tensor's 0th dimension") as raised:
        batcher.run(_x(1))
    assert raised.value.code is Code.FAILED_PRECONDITION
    batcher.close()
    broken = Batcher(lambda inputs: 1 / 0, BatchingOptions(num_batch_threads=1))  # type: ignore[arg-type, return-value]
    with pytest.raises(ServingError, match="ZeroDivisionError"):
        broken.run(_x(1))
    broken.close()


def test_many_threads_each_get_their_own() -> None:
    doubler = Doubler()
    batcher = Batcher(doubler, BatchingOptions(max_batch_size=16, batch_timeout_micros=500, max_enqueued_batches=100))

    def call(number: int) -> bool:
        values = np.arange(number % 5 + 1, dtype=np.float32) + number
        return bool((batcher.run({"x": values})["y"] == values * 2).all())

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(call, range(3000)))
    assert len(doubler.given) < 3000
    batcher.close()
