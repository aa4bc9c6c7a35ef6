"""Asking for a run."""

import multiprocessing
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import select

from pipeline.lineage.database import reading
from pipeline.lineage.store import Lineage
from pipeline.schedule import tables
from pipeline.schedule.requests import request_run


def test_each_request_is_a_trigger_that_waits(tmp_path: Path) -> None:
    with closing(Lineage(tmp_path / "metadata.sqlite")) as lineage:
        ids = [request_run(lineage, "news", reason=reason) for reason in ("label_shift 0.4", "again")]
        with reading(lineage.engine) as connection:
            rows = connection.execute(select(tables.trigger).order_by(tables.trigger.c.id)).all()
    assert [(row.id, row.pipeline, row.kind, row.reason, row.state) for row in rows] == [
        (ids[0], "news", "request", "label_shift 0.4", "pending"),
        (ids[1], "news", "request", "again", "pending"),
    ]


def ask(database: Path) -> None:
    with closing(Lineage(database)) as lineage:
        for number in range(10):
            request_run(lineage, "news", reason=str(number))


def test_processes_that_ask_at_once_make_the_tables_once_and_lose_nothing(tmp_path: Path) -> None:
    database = tmp_path / "metadata.sqlite"
    processes = [multiprocessing.get_context("fork").Process(target=ask, args=(database,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM trainworks_trigger").fetchone() == (40,)
