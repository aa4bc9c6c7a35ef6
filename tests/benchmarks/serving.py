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
_BODY: Final = b'{"instances":[1.0]}'
GRPC: Final = "/tensorflow.serving.PredictionService/Predict"


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
        for front in _fronts():
            yield from _rates(front, served, seconds, rounds)
    with serve(log, base, "--file_system_poll_wait_seconds", "0.2") as served:
        for front in _fronts():
            yield from _swaps(front, served, base, seconds)
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


@dataclass(frozen=True)
class _Front:
    """A protocol, how half_plus_two is asked in it, and what its rate is held against.

    Args:
        name: as rows say it.
        protocol: the load's.
        path: path or method.
        body: a request.
        least: requests a second.
        echo: the rival that sends back what it gets, and its path.
        share: at least so many times the rival's rate.
    """

    name: str
    protocol: str
    path: str
    body: bytes
    least: float
    echo: tuple[str, str]
    share: float

    def ask(self, served: Served, seconds: float, *, may_fail: bool = False) -> Load:
        port = served.rest_port if self.protocol == "http" else served.port
        return load(self.protocol, port, self.path, self.body, seconds=seconds, may_fail=may_fail)

    def ask_echo(self, port: int, seconds: float) -> Load:
        return load(self.protocol, port, self.echo[1], self.body, seconds=seconds)


def _fronts() -> tuple[_Front, ...]:
    return (
        _Front("REST", "http", _REST, _BODY, 8000, ("asgi", "/"), 0.5),
        _Front("gRPC", "grpc", GRPC, _predict_request(), 4000, ("grpc", "/echo.Echo/Echo"), 0.6),
    )


def _rates(front: _Front, served: Served, seconds: float, rounds: int) -> Iterator[Row]:
    ours, theirs = list[Load](), list[Load]()
    rival = front.echo[0]
    with _echo(rival) as port:
        front.ask(served, 1.0)
        for _ in range(rounds):
            theirs.append(front.ask_echo(port, seconds))
            ours.append(front.ask(served, seconds))
    own, echo = (statistics.median(one.rate for one in loads) for loads in (ours, theirs))
    what = f"half_plus_two over {front.name}, 8 clients"
    yield Row(what, own, "requests/s", limit=front.least, bound="ours at least")
    yield Row(f"... against {rival} echo", own, "requests/s", echo, front.share, "ratio at least")
    tail = statistics.median(one.p99 / one.p50 for one in ours)
    yield Row("... 99th percentile of the latency against its median", tail, "", limit=4.0, bound="ours at most")


def _swaps(front: _Front, served: Served, base: Path, seconds: float) -> Iterator[Row]:
    """New versions while clients ask: nobody may fail, and few may wait."""
    quiet = front.ask(served, seconds)
    newest = max(int(folder.name) for folder in base.iterdir())
    exported = {version: export(base.parent / f"next-{version}", version) for version in range(newest + 1, newest + 4)}

    def push() -> None:
        for version, folder in exported.items():
            time.sleep(seconds / 4)
            folder.rename(base / str(version))

    pushing = threading.Thread(target=push)
    pushing.start()
    swapped = front.ask(served, seconds, may_fail=True)
    pushing.join()
    what = f"failed requests over {front.name} during three swaps"
    yield Row(what, swapped.failures, "", limit=0, bound="ours at most")
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
            for front in _fronts():
                found = front.ask(served, 0.1, may_fail=True)
                asked, failures = asked + round(found.rate * 0.1), failures + found.failures
            until(lambda version=version: _serves(served, version))  # type: ignore[misc]
            if version == 11:
                first = _resident(served)
        while asked < requests:
            for front in _fronts():
                found = front.ask(served, 5.0, may_fail=True)
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
