"""The model server on half_plus_two, server and clients sharing the machine, against servers that do nothing."""

import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from serving.protos import predict_pb2
from serving.tensors import write
from tests.benchmarks.bench import Bench
from tests.benchmarks.load import framed
from tests.benchmarks.table import Row
from tests.serving.clients import Served, serve, until
from tests.serving.half_plus_two import export

_REST: Final = "/v1/models/half_plus_two:predict"
GRPC: Final = "/tensorflow.serving.PredictionService/Predict"
_BODY: Final = b'{"instances":[1.0]}'


@dataclass(frozen=True)
class Load:
    """What closed-loop clients saw: requests a second, and milliseconds."""

    rate: float
    p50: float
    p99: float
    failures: int


def measure(bench: Bench) -> Iterator[Row]:
    """Requests a second, tails, start, and a swap under load."""
    base = bench.work / "serving" / "half_plus_two"
    shutil.rmtree(base.parent, ignore_errors=True)
    export(base / "1")
    seconds, rounds = (2.0, 1) if bench.quick else (5.0, 5)
    log = bench.work / "serving" / "server.log"
    with serve(log, base) as served:
        yield from _fronts(served, seconds, rounds)
    with serve(log, base, "--file_system_poll_wait_seconds", "0.2") as served:
        yield from _swap(served, base, seconds)
    yield from _start(base, log, rounds)
    yield from _soak(bench, base, log)


def load(
    protocol: str, port: int, path: str, *bodies: bytes, seconds: float, clients: int = 8, may_fail: bool = False
) -> Load:
    """Runs clients in a process of their own, which send these bodies in turn."""
    command = [sys.executable, "-m", "tests.benchmarks.load", protocol, str(port), path]
    command += ["--seconds", str(seconds), "--clients", str(clients)]
    done = subprocess.run(command, input=framed(bodies), capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.decode())
    found = Load(**json.loads(done.stdout))
    if found.failures and not may_fail:
        raise RuntimeError(f"{found.failures} requests to {path} failed")
    return found


def _fronts(served: Served, seconds: float, rounds: int) -> Iterator[Row]:
    for name, protocol, ports, paths, body, limits in (
        ("REST", "http", served.rest_port, _REST, _BODY, (8000.0, 0.5, "asgi", "/")),
        ("gRPC", "grpc", served.port, GRPC, _predict_request(), (4000.0, 0.6, "grpc", "/echo.Echo/Echo")),
    ):
        rate, share, rival, rival_path = limits
        ours, theirs = list[Load](), list[Load]()
        with _echo(rival) as port:
            load(protocol, ports, paths, body, seconds=1.0)
            for _ in range(rounds):
                theirs.append(load(protocol, port, rival_path, body, seconds=seconds))
                ours.append(load(protocol, ports, paths, body, seconds=seconds))
        own, echo = (statistics.median(one.rate for one in loads) for loads in (ours, theirs))
        what = f"half_plus_two over {name}, 8 clients"
        yield Row(what, own, "requests/s", limit=rate, bound="ours at least")
        yield Row(f"... against {rival} echo", own, "requests/s", echo, share, "ratio at least")
        tail = statistics.median(one.p99 / one.p50 for one in ours)
        yield Row("... 99th percentile of the latency against its median", tail, "", limit=4.0, bound="ours at most")


def _swap(served: Served, base: Path, seconds: float) -> Iterator[Row]:
    """New versions while clients ask: nobody may fail, and few may wait."""
    quiet = load("http", served.rest_port, _REST, _BODY, seconds=seconds)
    exported = [export(base.parent / f"next-{version}", slope=version) for version in (2, 3, 4)]

    def push() -> None:
        for version, folder in enumerate(exported, 2):
            time.sleep(seconds / 4)
            folder.rename(base / str(version))

    pushing = threading.Thread(target=push)
    pushing.start()
    swapped = load("http", served.rest_port, _REST, _BODY, seconds=seconds, may_fail=True)
    pushing.join()
    yield Row("failed requests during three swaps", swapped.failures, "", limit=0, bound="ours at most")
    yield Row("... 99th percentile against a quiet one", swapped.p99, "ms", quiet.p99, 3.0, "ratio at most")


def _start(base: Path, log: Path, rounds: int) -> Iterator[Row]:
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        with serve(log, base, ready=False) as served:
            while served.ask("POST", _REST, _BODY).status != 200:
                time.sleep(0.02)
            taken.append(time.perf_counter() - start)
    yield Row("model server, start to first answer", statistics.median(taken), "s", limit=4.0, bound="ours at most")


def _soak(bench: Bench, base: Path, log: Path) -> Iterator[Row]:
    """Memory after many requests and swaps, against what it was after the first ten swaps."""
    swaps, requests = (30, 20_000) if bench.quick else (200, 200_000)
    soaked = base.parent / "soak" / "half_plus_two"
    soaked.mkdir(parents=True)
    shutil.copytree(base / "1", soaked / "1")
    asked, failures, first = 0, 0, 0.0
    with serve(log, soaked, "--file_system_poll_wait_seconds", "0.05") as served:
        for version in range(2, swaps + 2):
            shutil.copytree(base / "1", soaked / ".next")
            (soaked / ".next").rename(soaked / str(version))
            shutil.rmtree(soaked / str(version - 2), ignore_errors=True)
            found = load("http", served.rest_port, _REST, _BODY, seconds=0.1, may_fail=True)
            asked, failures = asked + round(found.rate * 0.1), failures + found.failures
            until(lambda version=version: _serves(served, version))  # type: ignore[misc]
            if version == 11:
                first = _resident(served)
        while asked < requests:
            found = load("http", served.rest_port, _REST, _BODY, seconds=5, may_fail=True)
            asked, failures = asked + round(found.rate * 5), failures + found.failures
        last = _resident(served)
    what = f"server's memory after {asked:,} requests and {swaps} swaps, against that after 10 swaps"
    yield Row(what, last, "MB", first, 1.05, "ratio at most")
    yield Row("... failed requests", failures, "", limit=0, bound="ours at most")


def _serves(served: Served, version: int) -> bool:
    states = served.ask("GET", "/v1/models/half_plus_two").json["model_version_status"]
    return [one["version"] for one in states if one["state"] == "AVAILABLE"] == [str(version)]


def _resident(served: Served) -> float:
    status = Path(f"/proc/{served.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


@contextmanager
def _echo(kind: str) -> Iterator[int]:
    command = [sys.executable, "-m", "tests.benchmarks.echo", kind]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def _predict_request() -> bytes:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "half_plus_two"
    write(request.inputs["x"], np.float32([1.0]))
    return request.SerializeToString()
