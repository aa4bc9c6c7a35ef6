"""Several daemons on one database, killed at random while the clock jumps: nothing twice, at once or lost."""

import contextlib
import itertools
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.lineage.database import add_tables, reading
from pipeline.lineage.store import Lineage
from pipeline.schedule import tables
from pipeline.schedule.clock import Clock
from pipeline.schedule.daemon import Daemon, Pace
from pipeline.schedule.requests import request
from pipeline.schedule.start import workers_for

FAST_RUN = (sys.executable, "-SE", str(Path(__file__).parent / "fast_run.py"))
LEASE = 1.5
PIPELINE = """\
name: news
data: {format: csv, splits: {train: none.csv}, features: {text: text}, label: topic}
model: {family: linear}
schedule: {every: 30m, overlap: queue, misfire: catch-up}
"""


@dataclass
class Daemons:
    """Daemons in processes of their own, forked so that a moment is one within a daemon's work."""

    folder: Path
    alive: list[int] = field(default_factory=list)

    @property
    def offset(self) -> Path:
        """How far the wall clock is off, in seconds."""
        return self.folder / "offset"

    def start(self) -> int:
        pid = os.fork()
        if pid == 0:
            with (self.folder / "daemons.log").open("a") as log:
                os.dup2(log.fileno(), 2)
            try:
                self._run()
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        self.alive.append(pid)
        return pid

    def _run(self) -> None:
        import logging

        logging.basicConfig(format=f"%(asctime)s {os.getpid()} %(message)s", level=logging.INFO, force=True)
        clock = Clock(wall=lambda: time.time() + float(self.offset.read_text() or 0))
        workers = workers_for([self.folder / "news.yaml"], length=LEASE, clock=clock, command=FAST_RUN)
        Daemon(workers, clock, Pace(tick=0.02, grace=5)).run()

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.alive.remove(pid)

    def jump(self, seconds: float) -> None:
        staged = self.offset.with_suffix(".tmp")
        staged.write_text(str(float(self.offset.read_text() or 0) + seconds))
        staged.rename(self.offset)

    def stop(self) -> list[int]:
        """Ends all as a service manager does, once they have begun; returns their exit codes."""
        end = time.monotonic() + 20
        while not all(_catches(pid, signal.SIGTERM) for pid in self.alive) and time.monotonic() < end:
            time.sleep(0.05)
        for pid in self.alive:
            os.kill(pid, signal.SIGTERM)
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in self.alive]
        self.alive.clear()
        return codes

    def triggers(self) -> list[Any]:
        with closing(Lineage(self.folder / ".trainworks" / "metadata.sqlite")) as lineage:
            add_tables(lineage.engine, tables.metadata)
            with reading(lineage.engine) as connection:
                return list(connection.execute(select(tables.trigger).order_by(tables.trigger.c.id)))

    def journal(self, word: str) -> list[str]:
        lines = (self.folder / "journal").read_text().splitlines()
        return [line.partition(" ")[2] for line in lines if line.startswith(f"{word} ")]


def _catches(pid: int, signum: int) -> bool:
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:")).split()[1]
    return bool(int(caught, 16) >> (signum - 1) & 1)


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[Daemons]:
    found = Daemons(tmp_path)
    (tmp_path / "news.yaml").write_text(PIPELINE)
    found.offset.write_text("0")
    (tmp_path / "journal").touch()
    yield found
    for pid in list(found.alive):
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            found.kill(pid)


@pytest.fixture
def rng() -> random.Random:
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    return random.Random(seed)


def wait_for(daemons: Daemons, count: int, *, ended: int = 0) -> None:
    """Until so many triggers are there, and so many have ended."""
    while True:
        found = daemons.triggers()
        if len(found) >= count and sum(row.state == "ended" for row in found) >= ended:
            return
        time.sleep(0.05)


def ask(folder: Path, requests: int) -> None:
    with closing(Lineage(folder / ".trainworks" / "metadata.sqlite")) as lineage:
        for number in range(requests):
            request(lineage.engine, "news", reason=str(number))


def disturb(daemons: Daemons, rng: random.Random) -> str:
    """One blow: a kill, a pause that outlasts the lease, a clock an hour off, a service manager's stop."""
    blow = rng.choice(("kill", "kill", "kill", "pause", "jump", "terminate"))
    pid = rng.choice(daemons.alive)
    if blow == "kill":
        daemons.kill(pid)
        daemons.start()
    elif blow == "pause":
        os.kill(pid, signal.SIGSTOP)
        time.sleep(2 * LEASE)
        os.kill(pid, signal.SIGCONT)
    elif blow == "jump":
        daemons.jump(rng.choice((-3600, 3600)))
    else:
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        daemons.alive.remove(pid)
        daemons.start()
    return blow


@pytest.mark.parametrize(
    ("requests", "blows"),
    [(40, 5), pytest.param(1000, 60, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
    ids=["some", "a-thousand"],
)
def test_nothing_runs_twice_or_at_once_and_nothing_is_lost(
    daemons: Daemons, rng: random.Random, requests: int, blows: int
) -> None:
    daemons.start()
    wait_for(daemons, 0)
    daemons.start()
    ask(daemons.folder, requests)
    dealt = []
    for _ in range(blows):
        time.sleep(rng.uniform(0.05, 0.6))
        dealt.append(disturb(daemons, rng))
    print(dealt)  # noqa: T201
    daemons.jump(2 * 3600)  # further than the last blow may have put it back
    wait_for(daemons, requests, ended=requests)
    while any(row.state != "ended" for row in daemons.triggers()):
        time.sleep(0.05)
    assert daemons.stop() == [0, 0]

    assert daemons.journal("overlap") == []
    rows = daemons.triggers()
    assert {(row.state, row.outcome) for row in rows} == {("ended", "succeeded")}
    assert sorted(int(row.reason) for row in rows if row.kind == "request") == list(range(requests))
    runs = [row.run_id for row in rows]
    assert len(set(runs)) == len(runs)
    assert set(runs) <= set(daemons.journal("end"))
    fires = sorted(datetime.fromisoformat(row.unique_key) for row in rows if row.kind == "every")
    assert len(fires) >= 2
    assert {after - before for before, after in itertools.pairwise(fires)} == {timedelta(minutes=30)}
