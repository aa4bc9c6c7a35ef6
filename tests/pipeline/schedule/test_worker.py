"""One pipeline of a daemon, tick by tick, on a clock that goes as it is told, with real processes as runs."""

import gc
import os
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.lineage.database import reading
from pipeline.lineage.store import Lineage
from pipeline.schedule import tables
from pipeline.schedule.requests import request
from pipeline.schedule.schedules import pause_pipeline
from pipeline.schedule.start import workers_for
from pipeline.schedule.worker import Worker

RUN = """
import json, os, sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from pipeline.schedule import leash
leash.put_on()
folder = Path(sys.argv[1]).parent
(folder / "begun").write_text(str(os.getpid()))
while not (folder / "go").exists():
    time.sleep(0.01)
print(json.dumps({{"run_id": "r1", "components": [], **json.loads((folder / "go").read_text() or "{{}}")}}))
sys.exit(int((folder / "code").read_text()))
"""
"""A run that goes on until the file `go` is there."""

PIPELINE = """\
name: news
data: {{format: csv, splits: {{train: none.csv}}, features: {{text: text}}, label: topic}}
model: {{family: linear}}
schedule: {schedule}
"""


class Bench:
    """A worker, and hands on everything around it.

    Its runs go by a clock of their own: the lease is so long that none ends by it, however busy the machine is.
    """

    def __init__(self, folder: Path, hands: Any, schedule: str, lease: float) -> None:
        self.folder, self.hands, self.lease = folder, hands, lease
        self.write(schedule)
        self.script = folder / "run.py"
        self.script.write_text(RUN.format(root=str(Path(__file__).parents[3])))
        (folder / "code").write_text("0")
        self.worker = self.another()

    def write(self, schedule: str) -> None:
        (self.folder / "news.yaml").write_text(PIPELINE.format(schedule=schedule))

    def another(self) -> Worker:
        (worker,) = workers_for(
            [self.folder / "news.yaml"],
            clock=self.hands.clock,
            length=self.lease,
            command=(sys.executable, "-SE", str(self.script)),
        )
        return worker

    @property
    def database(self) -> Path:
        return self.folder / ".trainworks" / "metadata.sqlite"

    def ask(self) -> None:
        with closing(Lineage(self.database)) as lineage:
            request(lineage.engine, "news", reason="by hand")

    def pause(self, paused: bool) -> None:
        with closing(Lineage(self.database)) as lineage:
            pause_pipeline(lineage.engine, "news", paused=paused)

    def fates(self) -> list[tuple[str, str | None]]:
        with closing(Lineage(self.database)) as lineage, reading(lineage.engine) as connection:
            rows = connection.execute(select(tables.trigger).order_by(tables.trigger.c.id)).all()
        return [(row.state, row.outcome) for row in rows]

    def begun(self) -> int:
        """The process of the run, once it has begun."""
        until(lambda: (self.folder / "begun").exists() and (self.folder / "begun").read_text())
        pid = int((self.folder / "begun").read_text())
        (self.folder / "begun").unlink()
        return pid

    def go(self, told: str) -> None:
        """Lets the run end, and say this."""
        (self.folder / "staged").write_text(told)
        (self.folder / "staged").rename(self.folder / "go")

    def let_end(self, told: str = "{}", code: int = 0) -> None:
        """Lets the run end, and the worker see it."""
        (self.folder / "code").write_text(str(code))
        self.go(told)
        until(lambda: not (self.worker.tick(accepting=False), self.worker.is_running)[1])
        (self.folder / "go").unlink()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def bench(tmp_path: Path, hands: Any) -> Any:
    made: list[Bench] = []

    def make(schedule: str = "{every: 1h}", *, lease: float = 600.0) -> Bench:
        made.append(Bench(tmp_path, hands, schedule, lease))
        return made[-1]

    yield make
    for bench in made:
        bench.worker.kill()


def test_a_start_is_run_and_how_it_ended_is_written_down(bench: Any, hands: Any) -> None:
    made = bench()
    made.worker.tick()
    assert made.fates() == []
    hands.pass_(hours=1)
    made.worker.tick()
    made.begun()
    assert made.fates() == [("running", None)]
    refusal = '{"components": [{"name": "Evaluator", "status": "executed", "reason": "refused: f1, found 0.2"}]}'
    made.let_end(refusal, code=3)
    assert made.fates() == [("ended", "refused")]
    with sqlite3.connect(made.database) as connection:
        row = connection.execute("SELECT run_id, detail FROM trainworks_trigger").fetchone()
    assert row == ("r1", "Evaluator refused: f1, found 0.2")
    made.worker.tick()
    assert made.worker.is_idle


def test_what_a_run_says_is_such_that_a_database_takes_it(bench: Any, hands: Any) -> None:
    made = bench()
    hands.pass_(hours=1)
    made.worker.tick()
    made.begun()
    made.let_end('{"error": "caf\\udce9.csv \\u0000 %s"}' % ("x" * 100_000), code=1)
    with sqlite3.connect(made.database) as connection:
        ((detail,),) = connection.execute("SELECT detail FROM trainworks_trigger")
    assert detail.startswith("caf\\udce9.csv \\x00 xxx") and len(detail) < 10_000


def test_what_comes_during_a_run_is_skipped_but_a_request_is_not(bench: Any, hands: Any) -> None:
    made = bench()
    hands.pass_(hours=1)
    made.worker.tick()
    made.begun()
    hands.pass_(hours=1)
    made.ask()
    made.worker.tick()
    assert made.fates() == [("running", None), ("pending", None), ("ended", "skipped")]
    made.let_end()
    made.worker.tick()
    made.begun()
    assert made.fates()[1] == ("running", None)


def test_a_newer_start_stops_the_run(bench: Any, hands: Any) -> None:
    made = bench("{every: 1h, overlap: cancel-previous}")
    hands.pass_(hours=1)
    made.worker.tick()
    made.begun()
    hands.pass_(hours=1)
    until(lambda: (made.worker.tick(), len(made.fates()) == 2 and made.fates()[0][0] == "ended")[1])
    assert made.fates()[0][1] == "canceled"
    until(lambda: (made.worker.tick(), made.worker.is_running)[1])
    assert made.fates()[1] == ("running", None)


def test_another_daemon_waits_for_the_lease_and_takes_over(bench: Any, hands: Any) -> None:
    made = bench()
    hands.pass_(hours=1)
    made.worker.tick()
    pid = made.begun()
    other = made.another()
    other.tick()
    hands.pass_(seconds=500)
    other.tick()
    assert made.fates() == [("running", None)] and not other.is_running
    os.kill(pid, signal.SIGKILL)  # as its leash does when its daemon is gone
    hands.pass_(seconds=200)
    other.tick()
    assert other.is_running
    until(lambda: (made.worker.tick(), not made.worker.is_running)[1])
    made.go("{}")
    until(lambda: (other.tick(), not other.is_running)[1])
    assert made.fates() == [("ended", "succeeded")]


def test_a_run_does_not_begin_where_the_lease_was_lost_before_it_was_started(
    bench: Any, hands: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = bench()
    other = made.another()
    launch = made.worker._launch

    def launch_late(silence: float) -> Any:
        for _ in range(2):
            other.tick()
            hands.pass_(seconds=700)
        other.tick()
        return launch(silence)

    monkeypatch.setattr(made.worker, "_launch", launch_late)
    hands.pass_(hours=1)
    made.worker.tick()
    until(lambda: (made.worker.tick(), not made.worker.is_running)[1])
    assert other.is_running and made.begun() == other._running.child.pid
    other.kill()


def test_heartbeats_keep_others_away_for_as_long_as_it_takes(bench: Any, hands: Any) -> None:
    made = bench()
    hands.pass_(hours=1)
    made.worker.tick()
    made.begun()
    other = made.another()
    for _ in range(20):
        hands.pass_(seconds=100)
        made.worker.tick()
        other.tick()
        hands.jump(hours=1)
    assert made.worker.is_running and not other.is_running


def test_a_paused_pipeline_starts_nothing_and_keeps_what_was_asked_for(bench: Any, hands: Any) -> None:
    made = bench()
    made.pause(True)
    hands.pass_(hours=3)
    made.ask()
    made.worker.tick()
    assert made.fates() == [("pending", None)] and made.worker.is_idle
    made.pause(False)
    made.worker.tick()
    made.begun()
    assert made.fates() == [("running", None)]


def test_a_database_that_is_locked_is_said_once_and_nothing_is_lost(
    bench: Any, hands: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made = bench("{every: 1h, overlap: queue}", lease=6.0)  # it waits for a lock in proportion
    made.worker.tick()
    other = sqlite3.connect(made.database, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for _ in range(3):
        hands.pass_(hours=1)
        made.worker.tick()
    assert [message for message in caplog.messages if "locked" in message] == [
        f"The lineage database {made.database} is locked by another process: wait until that one is done, or end it."
        " Trying again until it can be used"
    ]
    other.execute("ROLLBACK")
    other.close()
    hands.pass_(minutes=2)
    made.worker.tick()
    assert "The lineage database is back; going on" in caplog.messages
    assert made.fates() == [("running", None), ("pending", None), ("pending", None)]


def test_a_database_that_is_gone_is_waited_for_and_not_made_anew(
    bench: Any, hands: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made = bench("{every: 1h, overlap: queue}")
    made.worker.tick()
    away = made.folder / "away"
    shutil.move(made.database.parent, away)
    for _ in range(3):
        hands.pass_(hours=1)
        made.worker.tick()
    assert len([message for message in caplog.messages if "is gone: put it back" in message]) == 1
    assert not made.database.exists()
    shutil.rmtree(made.database.parent, ignore_errors=True)
    shutil.move(away, made.database.parent)
    hands.pass_(minutes=2)
    made.worker.tick()
    assert made.fates() == [("running", None), ("pending", None), ("pending", None)]


def test_a_run_that_ended_while_the_database_was_full_is_written_down_later(
    bench: Any, hands: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made = bench()
    hands.pass_(hours=1)
    made.worker.tick()
    made.begun()
    engine = made.worker._patience.engine
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    told = '{"error": "%s"}' % ("x" * 100_000)
    made.go(told)
    until(lambda: (made.worker.tick(), any("disk is full" in message for message in caplog.messages))[1])
    assert made.fates() == [("running", None)] and made.worker.is_running
    hands.pass_(minutes=2)
    until(lambda: (made.worker.tick(), not made.worker.is_running)[1])  # a new connection has no limit
    assert made.fates() == [("ended", "succeeded")]


def test_a_file_that_is_edited_counts_from_then_on_and_a_broken_one_does_not(
    bench: Any, hands: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    made = bench()
    made.worker.tick()
    made.write("{every: 10 minutes}")
    made.worker.tick()
    made.worker.tick()
    said = [message for message in caplog.messages if "what it said before still holds" in message]
    assert len(said) == 1 and "news.yaml:4: `schedule.every` is wrong" in said[0]
    made.write("{every: 10m}")
    made.worker.tick()
    assert "news: the file has changed" in caplog.messages
    hands.pass_(minutes=10)
    made.worker.tick()
    assert made.fates() == [("running", None)]


def test_drift_that_is_to_be_looked_for_from_now_on_needs_a_new_daemon(
    bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made = bench()
    made.write("{every: 1h, on_drift: 1h}\nmonitoring: {logs: requests/*}")
    made.worker.tick()
    assert "`schedule.on_drift` must be there when the daemon starts: start it again." in caplog.text


def test_a_run_that_cannot_be_started_comes_again_and_leaves_no_open_file(bench: Any, hands: Any) -> None:
    made = bench()
    log = made.folder / ".trainworks" / "logs" / "schedule-news.log"
    log.mkdir(parents=True)
    hands.pass_(hours=1)
    open_files = []
    for _ in range(3):
        made.worker.tick()
        gc.collect()  # what earlier tests left behind is closed at no particular time
        open_files.append(len(list(Path("/proc/self/fd").iterdir())))
        hands.pass_(seconds=6)
    assert made.fates() == [("pending", None)] and len(set(open_files)) == 1
    log.rmdir()
    made.worker.tick()
    made.begun()


def test_a_workspace_that_somebody_works_in_is_waited_for(
    bench: Any, hands: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    made = bench()
    hands.pass_(hours=1)
    made.worker.tick()
    made.begun()
    made.let_end('{"error": "Pipeline `news` is already running", "again": true}', code=1)
    assert made.fates() == [("pending", None)]
    made.worker.tick()
    assert not made.worker.is_running
    assert "news: waiting: Pipeline `news` is already running" in caplog.messages
    hands.pass_(seconds=6)
    made.worker.tick()
    assert made.worker.is_running


def test_what_is_handed_over_waits_again(bench: Any, hands: Any) -> None:
    made = bench()
    hands.pass_(hours=1)
    made.worker.tick()
    made.begun()
    made.worker.hand_over()
    until(lambda: (made.worker.tick(accepting=False), not made.worker.is_running)[1])
    assert made.fates() == [("pending", None)]
    other = made.another()
    other.tick()
    assert other.is_running
    other.kill()
