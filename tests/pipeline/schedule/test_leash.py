"""A run ends with its daemon, and with all processes of its own."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.schedule.leash import Leash

RUN = """
import subprocess, sys, time
sys.path.insert(0, {root!r})
from pipeline.schedule import leash
leash.put_on()
helper = subprocess.Popen([sys.executable, "-Sc", "import time; time.sleep(600)"])
print(helper.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def started() -> Iterator[list["subprocess.Popen[str]"]]:
    """Runs that are killed if they are left over."""
    found: list[subprocess.Popen[str]] = []
    yield found
    for process in found:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def start(started: list["subprocess.Popen[str]"], leash: Leash) -> tuple["subprocess.Popen[str]", int]:
    """A run, and the id of a process that it has started."""
    process = subprocess.Popen(
        [sys.executable, "-SEc", RUN.format(root=str(Path(__file__).parents[3]))],
        env={**os.environ, **leash.environment},
        pass_fds=[leash.far_end],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    leash.started()
    leash.beat()
    started.append(process)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def assert_gone(pid: int) -> None:
    """That a process of somebody else's ends; one that nobody waits for stays a zombie."""
    while (stat := Path(f"/proc/{pid}/stat")).exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX":
        time.sleep(0.01)


def test_it_ends_when_its_daemon_does(started: list["subprocess.Popen[str]"]) -> None:
    leash = Leash(600)
    process, helper = start(started, leash)
    leash.drop()
    assert process.wait(60) == -signal.SIGKILL
    assert_gone(helper)


def test_it_ends_when_it_hears_nothing(started: list["subprocess.Popen[str]"]) -> None:
    leash = Leash(2.0)
    process, helper = start(started, leash)
    beats = [time.monotonic()]
    while beats[-1] - beats[0] < 2.5:
        time.sleep(0.1)
        leash.beat()
        beats.append(time.monotonic())
    stalled = max(after - before for before, after in itertools.pairwise(beats)) > 1.0  # as a busy machine may have it
    assert stalled or process.poll() is None
    assert process.wait(60) == -signal.SIGKILL
    assert_gone(helper)
    leash.beat()  # nobody is there to hear it
    leash.drop()


def test_it_does_not_begin_before_the_lease_is_known_to_be_held(tmp_path: Path) -> None:
    leash = Leash(0.5)
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[3])!r}); from pipeline.schedule import leash"
    process = subprocess.Popen(
        [sys.executable, "-SEc", f"{code}; leash.put_on(); open({str(tmp_path / 'begun')!r}, 'w')"],
        env={**os.environ, **leash.environment},
        pass_fds=[leash.far_end],
        start_new_session=True,
    )
    leash.started()
    assert process.wait(60) == -signal.SIGKILL
    assert not (tmp_path / "begun").exists()
    leash.drop()


def test_without_a_daemon_there_is_no_leash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRAINWORKS_LEASH", raising=False)
    code = "from pipeline.schedule import leash; leash.put_on(); import threading; print(threading.active_count())"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "1\n"
