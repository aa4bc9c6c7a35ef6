"""Small clients of a server that runs in the test, or in a process of its own."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What came back from a REST request."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def ask(port: int, method: str, path: str, body: str | bytes | None = None, **headers: str) -> Answer:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        response = connection.getresponse()
        return Answer(response.status, response.read().decode(), {k.lower(): v for k, v in response.getheaders()})
    finally:
        connection.close()


@dataclass(frozen=True)
class Served:
    """A server in a process of its own."""

    process: subprocess.Popen[bytes]
    port: int
    rest_port: int
    log: Path

    def ask(self, method: str, path: str, body: str | bytes | None = None, **headers: str) -> Answer:
        return ask(self.rest_port, method, path, body, **headers)

    def told(self) -> str:
        """What it wrote on standard error."""
        return self.log.read_text()

    def end(self) -> int:
        """Sends SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextmanager
def serve(log: Path, *arguments: str | Path, ready: bool = True) -> Iterator[Served]:
    """`trainworks serve` on free ports; killed at the end if it still runs."""
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "serve", *map(str, arguments)]
    command += ["--port", "0", "--rest_api_port", "0"]
    root = str(Path(__file__).parents[2])
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, "PYTHONPATH": root})
    try:
        port, rest_port = _ports(process, log)
        served = Served(process, port, rest_port, log)
        if ready:
            until(lambda: served.ask("GET", "/ready").status == 200, log)
        yield served
    finally:
        process.kill()
        process.wait()


def until(condition: Any, log: Path | None = None, seconds: float = 60) -> None:
    """Waits for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"did not happen in {seconds} s: {log.read_text() if log else ''}"
        time.sleep(0.01)


def _ports(process: subprocess.Popen[bytes], log: Path) -> tuple[int, int]:
    def told() -> list[str]:
        assert process.poll() is None, log.read_text()
        return [line for line in log.read_text().splitlines() if "gRPC on" in line and line.endswith("loading models")]

    until(told, log)
    words = told()[0].replace(",", " ").replace(";", " ").split()
    first, second = (int(word.rpartition(":")[2]) for word in words if word.startswith("127.0.0.1:"))
    return first, second
