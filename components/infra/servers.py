"""Servers for a candidate: a process or a container of its own, which is gone when the trial is over."""

import os
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from schemas.errors import ConfigError, TrainworksError

_DOCKER_SECONDS: Final = 60.0
_PULL_SECONDS: Final = 1800.0
_TOLD: Final = 300


class Server(Protocol):
    """A server that was started. Its model may still be loading."""

    @property
    def port(self) -> int:
        """Where gRPC listens, on loopback."""

    def end(self) -> str:
        """How the server ended by itself; empty while it runs."""

    def peak_memory(self) -> int | None:
        """The most memory that it ever had, in bytes; None where that cannot be told."""


class StartFailed(Exception):  # noqa: N818 - a verdict on the candidate, not an error of ours
    """The server did not start, or did not in time; the message says what is known."""


@dataclass(frozen=True)
class ChildServer:
    """Our server in a child process."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def end(self) -> str:
        code = self.process.poll()
        return "" if code is None else _ended(code, self.log)

    def peak_memory(self) -> int | None:
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        except OSError:  # no Linux, or just ended
            return None
        peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(peaks[0]) << 10 if peaks else None


@contextmanager
def child_server(base: Path, name: str, log: Path, *, start_seconds: float, request_seconds: float) -> Iterator[Server]:
    """Our server for the versions in `base`.

    Args:
        base: folder of the model's versions.
        name: the model's.
        log: where the process's standard error goes.
        start_seconds: how long it may take until it listens.
        request_seconds: how long the model may take for a call.

    Raises:
        StartFailed: it does not listen in time.
    """
    deadline = time.monotonic() + start_seconds
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-P", "-m", "components.infra.candidate", str(base), name, str(request_seconds)]
    with log.open("wb") as told:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told, env=environment, start_new_session=True
        )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield ChildServer(_port(process.stdout, deadline, process, log), process, log)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def _port(stdout: IO[bytes], deadline: float, process: subprocess.Popen[bytes], log: Path) -> int:
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        if not selector.select(max(0.0, deadline - time.monotonic())):
            raise StartFailed("the server's process does not listen in time")
    line = stdout.readline()
    if not line.strip().isdigit():
        raise StartFailed(_ended(process.wait(), log))
    return int(line)


def _ended(code: int, log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
    return f"the server's process ended {how}" + (f": {lines[-1][:_TOLD]}" if lines else "")


@dataclass(frozen=True)
class DockerServer:
    """TF Serving in a container."""

    port: int
    container: str

    def end(self) -> str:
        running = _docker("inspect", "--format", "{{.State.Running}} {{.State.ExitCode}}", self.container).split()
        if running and running[0] == "true":
            return ""
        code = running[1] if len(running) > 1 else "?"
        return f"the container ended with exit code {code}: {_docker('logs', '--tail', '1', self.container)[:_TOLD]}"

    def peak_memory(self) -> int | None:
        return None


@contextmanager
def docker_server(base: Path, name: str, image: str) -> Iterator[Server]:
    """TF Serving for the versions in `base`, which the container can only read; its port is on loopback alone.

    Raises:
        ConfigError: there is no Docker here, or it does not know the image.
    """
    if shutil.which("docker") is None:
        raise ConfigError(
            "`infra_validation.serving_binary: tensorflow_serving` needs Docker, and there is no command `docker` here."
            " Install it, or leave `serving_binary` out: our server is then asked."
        )
    mount = f"type=bind,source={base.resolve()},target=/models/{name},readonly"
    options = ["--detach", "--publish", "127.0.0.1::8500", "--mount", mount, "--env", f"MODEL_NAME={name}"]
    container = _docker("run", *options, image, seconds=_PULL_SECONDS).splitlines()[-1]
    try:
        address = _docker("port", container, "8500/tcp").splitlines()[0]
        yield DockerServer(int(address.rpartition(":")[2]), container)
    finally:
        _docker("rm", "--force", container)


def _docker(*arguments: str, seconds: float = _DOCKER_SECONDS) -> str:
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise TrainworksError(f"`docker {arguments[0]}` must end within {seconds:g} seconds, and did not.") from error
    if done.returncode:
        raise ConfigError(f"`docker {arguments[0]}` fails: {done.stderr.strip()[-_TOLD:]}")
    return (done.stdout or done.stderr).strip()
