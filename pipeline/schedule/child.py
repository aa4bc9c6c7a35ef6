"""A run as a process of its own: `trainworks run FILE --json`, on a leash."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.lineage_url import LINEAGE_VARIABLE
from pipeline.result import REFUSED
from pipeline.schedule.leash import Leash
from pipeline.schedule.states import Outcome
from pipeline.tables import printable

_TRAINWORKS: Final = (sys.executable, "-P", "-c", "from pipeline.cli import main; main()")
RUN: Final = (*_TRAINWORKS, "run")
MONITOR: Final = (*_TRAINWORKS, "monitor")
_OUTCOMES: Final = {
    0: Outcome.SUCCEEDED,
    REFUSED: Outcome.REFUSED,
    128 + signal.SIGINT: Outcome.CANCELED,
    128 + signal.SIGTERM: Outcome.CANCELED,
    -signal.SIGINT: Outcome.CANCELED,
    -signal.SIGTERM: Outcome.CANCELED,
}
"""By exit code; a run that has hardly begun has no handlers of signals yet."""
_LONGEST: Final = 8000
"""Characters of what went wrong that are kept."""


@dataclass(frozen=True)
class Job:
    """What to run.

    Args:
        lineage: URL of the lineage's database; None for the workspace's own.
        log: file for what the run says to people.
    """

    file: Path
    workspace: Path
    lineage: str | None
    log: Path


@dataclass(frozen=True)
class Report:
    """How a run ended.

    Args:
        told: the object that `--json` printed; empty when the run came to no end of its own.
    """

    outcome: Outcome
    detail: str
    told: dict[str, Any]  # JSON's own object

    @property
    def run_id(self) -> str | None:
        return self.told.get("run_id")

    @property
    def is_to_come_again(self) -> bool:
        """Whether it failed for what will pass: another process at work, or the lineage's database."""
        return bool(self.told.get("again"))


class Child:
    """A run that is going on.

    Args:
        job: what to run.
        silence: seconds after which the run kills itself, unless it hears of the lease.
        command: the beginning of the command line, before the file.
    """

    def __init__(self, job: Job, silence: float, command: Sequence[str] = RUN) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - read when the process has ended
        self._leash, self._silence, self._heard = Leash(silence), silence, time.monotonic()
        try:
            self._process = self._start(job, command)
        except BaseException:
            self._leash.discard()
            self._said.close()
            raise
        self._leash.started()

    def _start(self, job: Job, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        with job.log.open("wb") as log:
            return subprocess.Popen(
                [*command, str(job.file), "--workspace", str(job.workspace), "--json"],
                env={**os.environ, **_lineage(job), **self._leash.environment},
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=log,
                pass_fds=[self._leash.far_end],
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def has_ended(self) -> bool:
        if self._process.returncode is None:
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return False
            self._kill_group()  # what it left behind; until it is waited for, the number is its own
            self._process.wait()
            self._leash.drop()
        return True

    def beat(self) -> None:
        """Tells it that the lease is held."""
        self._leash.beat()
        self._heard = time.monotonic()

    def interrupt(self) -> None:
        """Asks it to end, as Ctrl-C does."""
        if self._process.returncode is None:
            os.kill(self.pid, signal.SIGTERM)  # `Popen.terminate` might wait for it, behind the back of `has_ended`

    def kill(self) -> None:
        if self._process.returncode is None:
            self._kill_group()

    def report(self) -> Report:
        """What became of it, once it has ended."""
        code = self._process.returncode
        self._said.seek(0)
        told = _last_object(self._said.read())
        outcome = _OUTCOMES.get(code, Outcome.FAILED)
        if code < 0:
            return Report(outcome, f"its process was killed by {signal.Signals(-code).name}", told)
        return Report(outcome, _storable(_detail(told)), told)

    @property
    def was_cut_off(self) -> bool:
        """Whether its leash may have ended it: by SIGKILL, after so much silence."""
        return self._process.returncode == -signal.SIGKILL and time.monotonic() - self._heard > self._silence

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def _lineage(job: Job) -> dict[str, str]:
    """In the environment, since a URL may hold a password and all may read a command line."""
    return {LINEAGE_VARIABLE: job.lineage} if job.lineage else {}


def _last_object(said: bytes) -> dict[str, Any]:
    lines = said.decode(errors="replace").splitlines()
    try:
        found = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _detail(told: dict[str, Any]) -> str:
    """What went wrong, in the run's own words."""
    if "error" in told:
        return str(told["error"])
    if "rules" in told:
        return ", ".join(dict.fromkeys(rule["rule"] for rule in told["rules"] if _says_no(rule)))
    stopped = next((step for step in told.get("components", []) if _stopped(step)), None)
    if stopped is None:
        return ""
    by = f"{stopped['name']} " if _is_refusal(stopped) else ""  # what failed says so itself
    return f"{by}{stopped['reason']}"


def _storable(text: str) -> str:
    """As every database takes it: of limited length, in UTF-8, without NUL."""
    return printable(text[:_LONGEST]).encode("utf-8", "backslashreplace").decode()


def _says_no(rule: dict[str, Any]) -> bool:
    return rule.get("verdict") == "failed" and rule.get("severity") == "error"


def _stopped(step: dict[str, Any]) -> bool:
    return step.get("status") == "failed" or _is_refusal(step)


def _is_refusal(step: dict[str, Any]) -> bool:
    return str(step.get("reason", "")).startswith("refused: ")
