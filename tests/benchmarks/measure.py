"""Processes measured from outside: wall time, processor time and peak memory as the kernel counts them."""

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2", "KERAS_BACKEND": "tensorflow", "PYTHONHASHSEED": "0"}
"""Environment of both sides: TensorFlow's start-up chatter costs a terminal, not a comparison."""


@dataclass(frozen=True)
class Sample:
    """One finished process.

    `seconds` is wall time from fork to exit, `cpu_seconds` user and system time, and `peak_bytes` the largest resident
    set, all with those of the children that it waited for.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str
    """Standard output."""

    @property
    def result(self) -> dict[str, Any]:
        """The JSON object in the last line of standard output, where both sides print what they did."""
        found = json.loads(self.output.strip().rsplit("\n", 1)[-1])
        assert isinstance(found, dict), found
        return found


def run(command: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> Sample:
    """Runs a command to its end.

    Raises:
        RuntimeError: it failed; the message holds the end of its output.
    """
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        process = subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, **QUIET, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert process.stdout
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            said = output + errors.read()
            raise RuntimeError(f"exit code {process.returncode}: {' '.join(map(str, command))}\n{said[-4000:]}")
    return Sample(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, output)


def interleaved(runs: int, ours: Callable[[], Sample], rival: Callable[[], Sample]) -> tuple["Samples", "Samples"]:
    """Both sides in turn, `runs` times each, so that a slow minute of the machine falls on both."""
    pairs = [(ours(), rival()) for _ in range(runs)]
    return Samples([pair[0] for pair in pairs]), Samples([pair[1] for pair in pairs])


@dataclass(frozen=True)
class Samples:
    """Repeated runs of the same command."""

    samples: Sequence[Sample]

    @property
    def seconds(self) -> float:
        """Median wall time."""
        return statistics.median(sample.seconds for sample in self.samples)

    @property
    def peak_bytes(self) -> int:
        """Largest resident set of any run."""
        return max(sample.peak_bytes for sample in self.samples)

    @property
    def cpu_seconds(self) -> float:
        """Median processor time."""
        return statistics.median(sample.cpu_seconds for sample in self.samples)
