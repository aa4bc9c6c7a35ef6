"""Tens of thousands of requests that are not what they should be. The server stays up, and says what is wrong.

The seed is another one each time, and printed; TRAINWORKS_FUZZ_SEED=N makes the same requests again.
"""

import asyncio
import os
import secrets
from collections import Counter
from pathlib import Path
from random import Random
from typing import Final

import grpc
import pytest
from google.protobuf import text_format

from serving.protos import model_management_pb2, model_server_config_pb2
from tests.serving.clients import Served, serve
from tests.serving.fuzz import served_models
from tests.serving.fuzz.grpc_calls import RELOAD, GrpcCall, grpc_call, reload_call
from tests.serving.fuzz.neighbour import Neighbour
from tests.serving.fuzz.rest_answers import RestSender, WrongAnswerError
from tests.serving.fuzz.rest_requests import rest_request

SLOWEST_RATIO: Final = 100
SLOWEST_SECONDS: Final = 5.0
"""Nobody waits for longer than so many times the median of a quiet moment, or so many seconds if that is more."""

_SENDERS: Final = 4
_QUIET_ANSWERS: Final = 100
_EXPECTED: Final = frozenset(
    (
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNIMPLEMENTED,
    )
)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return served_models.export(tmp_path_factory.mktemp("fuzz"))


@pytest.fixture
def seed() -> int:
    found = int(os.environ.get("TRAINWORKS_FUZZ_SEED") or secrets.randbits(32))
    print(f"TRAINWORKS_FUZZ_SEED={found}")  # noqa: T201
    return found


@pytest.mark.parametrize(
    ("cases", "flags"),
    [
        pytest.param(1_000, (), id="some"),
        pytest.param(60_000, (), id="many", marks=pytest.mark.slow),
        pytest.param(10_000, ("--enable_batching",), id="in batches", marks=pytest.mark.slow),
    ],
)
def test_whatever_is_sent_is_answered_and_delays_nobody(
    cases: int, flags: tuple[str, ...], config: Path, seed: int, tmp_path: Path
) -> None:
    with serve(tmp_path / "log", config, "--max_body_mib", "1", *flags) as served, Neighbour(served) as neighbour:
        quiet = neighbour.quiet_median(_QUIET_ANSWERS)
        statuses, codes = asyncio.run(_send_all(served, seed, cases))
        slowest = neighbour.slowest_of(_QUIET_ANSWERS + 20)
        assert served.process.poll() is None
    print(f"statuses {dict(statuses)}, codes {dict(codes)}, quiet {quiet:.5f} s, slowest {slowest:.3f} s")  # noqa: T201
    assert neighbour.error is None
    assert slowest <= max(SLOWEST_RATIO * quiet, SLOWEST_SECONDS)
    assert statuses[200] > cases / 50 and statuses[400] > cases / 5
    assert codes[grpc.StatusCode.OK] > cases / 50 and codes[grpc.StatusCode.INVALID_ARGUMENT] > cases / 5
    _check_nothing_was_unexpected(served)


@pytest.mark.parametrize(
    "cases", [pytest.param(200, id="some"), pytest.param(5_000, id="many", marks=pytest.mark.slow)]
)
def test_whatever_is_to_be_served_the_server_stays_and_takes_the_next(
    cases: int, config: Path, seed: int, tmp_path: Path
) -> None:
    message = text_format.Parse(config.read_text(), model_server_config_pb2.ModelServerConfig())
    good = model_management_pb2.ReloadConfigRequest(config=message).SerializeToString()
    codes = Counter[grpc.StatusCode]()
    with serve(tmp_path / "log", config, "--max_body_mib", "1") as served:
        with grpc.insecure_channel(f"127.0.0.1:{served.port}") as channel:
            for number in range(cases):
                call = reload_call(message, Random(f"{seed} {number}"))
                codes[_code_of_blocking(channel, call)] += 1
            assert _code_of_blocking(channel, GrpcCall(RELOAD, good, call.answer)) is grpc.StatusCode.OK
        answer = served.ask("POST", "/v1/models/half_plus_two:predict", '{"instances": [1.0]}')
        assert answer.json == {"predictions": [2.5]}
        assert served.process.poll() is None
    print(f"codes {dict(codes)}")  # noqa: T201
    assert codes.keys() <= _EXPECTED | {grpc.StatusCode.UNKNOWN}  # TF Serving's, of models that cannot be loaded
    assert codes[grpc.StatusCode.OK] > cases / 50 and codes[grpc.StatusCode.INVALID_ARGUMENT] > cases / 10
    _check_nothing_was_unexpected(served)


async def _send_all(served: Served, seed: int, cases: int) -> tuple[Counter[int], Counter[grpc.StatusCode]]:
    """So many requests over each of REST and gRPC, several at a time; how they were answered."""
    statuses, codes = Counter[int](), Counter[grpc.StatusCode]()
    numbers = [range(first, cases, _SENDERS) for first in range(_SENDERS)]
    async with asyncio.TaskGroup() as group:
        for some in numbers:
            group.create_task(_send_rest(served.rest_port, seed, some, statuses))
            group.create_task(_send_grpc(served.port, seed, some, codes))
    return statuses, codes


async def _send_rest(port: int, seed: int, numbers: range, statuses: Counter[int]) -> None:
    sender = RestSender(port)
    for number in numbers:
        request = rest_request(Random(f"{seed} {number}"))
        try:
            statuses.update(await sender.send(request))
        except (WrongAnswerError, TimeoutError) as error:
            raise AssertionError(f"REST {seed} {number}: {request.data[:2_000]!r}") from error
    await sender.close()


async def _send_grpc(port: int, seed: int, numbers: range, codes: Counter[grpc.StatusCode]) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        for number in numbers:
            call = grpc_call(Random(f"{seed} {number}"))
            code = await _code_of(channel, call)
            codes[code] += 1
            assert code in _EXPECTED, f"gRPC {seed} {number}: {code} of {call.method} {call.data[:2_000]!r}"


async def _code_of(channel: grpc.aio.Channel, call: GrpcCall) -> grpc.StatusCode:
    """How a call ended; its answer is a whole message."""
    try:
        call.answer.FromString(await channel.unary_unary(call.method)(call.data, timeout=60))
    except grpc.aio.AioRpcError as error:
        assert error.details(), f"{error.code()} says nothing"
        return error.code()
    return grpc.StatusCode.OK


def _code_of_blocking(channel: grpc.Channel, call: GrpcCall) -> grpc.StatusCode:
    try:
        call.answer.FromString(channel.unary_unary(call.method)(call.data, timeout=60))
    except grpc.RpcError as error:
        found: grpc.StatusCode = error.code()
        return found
    return grpc.StatusCode.OK


def _check_nothing_was_unexpected(served: Served) -> None:
    told = served.told()
    assert "unexpected" not in told and "Traceback" not in told and "Exception" not in told, told
