"""Killed or crowded, the store holds either the old world or the new one."""

import multiprocessing
import os
import random
import signal
import sqlite3
import sys
from itertools import count
from pathlib import Path

from sqlalchemy import event

from pipeline.lineage.records import StoredExecution
from pipeline.lineage.store import Lineage
from schemas.artifacts import Examples, Model, Schema

_KINDS = {"examples": Examples, "schema": Schema, "model": Model}


def _is_whole(execution: StoredExecution, database: Path) -> bool:
    """Whether an execution is complete with all its outputs, or running with none; False for anything between."""
    with sqlite3.connect(database) as connection:
        paths, attributions, caches = (
            connection.execute(query, [execution.id]).fetchone()[0]
            for query in (
                "SELECT count(*) FROM EventPath p JOIN Event e ON p.event_id = e.id WHERE e.execution_id = ?",
                """SELECT count(*) FROM Attribution a JOIN Event e ON a.artifact_id = e.artifact_id
                   WHERE e.execution_id = ?""",
                """SELECT count(*) FROM Association a JOIN Context c ON c.id = a.context_id
                   JOIN Type t ON t.id = c.type_id WHERE t.name = 'execution_cache' AND a.execution_id = ?""",
            )
        )
    if execution.state == "complete":
        return set(execution.outputs) == set(_KINDS) and (paths, attributions, caches) == (6, 12, 1)
    return execution.state == "running" and not execution.outputs and (paths, attributions, caches) == (0, 0, 0)


def test_a_kill_leaves_the_old_world_or_the_new_one(lineage, database, scribe_of, kill) -> None:
    seed = random.randrange(2**32)
    sys.stdout.write(f"seed {seed}\n")
    chance = random.Random(seed)
    complete = 0
    for attempt in range(12):

        def work(run_id: str = f"run-{attempt}") -> None:
            scribe = scribe_of(Lineage(database), run_id)
            for number in count():
                outputs = {name: kind(Path(f"/{run_id}/{number}/{name}")) for name, kind in _KINDS.items()}
                scribe.step("Trainer", outputs, fingerprint=f"{run_id}-{number}")

        kill(work, chance.uniform(0.1, 0.4))
        executions = lineage.for_run(f"run-{attempt}")
        assert [e.id for e in executions if not _is_whole(e, database)] == []
        assert sum(e.state == "running" for e in executions) <= 1
        for number in range(sum(e.state == "complete" for e in executions)):
            found = lineage.find_cached("news", "Trainer", f"run-{attempt}-{number}")
            assert found is not None
            assert set(found.outputs) == set(_KINDS)
            complete += 1
    assert complete > 0
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        orphans = "SELECT count(*) FROM Artifact WHERE id NOT IN (SELECT artifact_id FROM Event)"
        assert connection.execute(orphans).fetchone() == (0,)


def test_a_kill_between_any_two_statements_of_publish_publishes_nothing(database, lineage, scribe_of, kill) -> None:
    """Every statement but the commit is tried as the last one that the process lives through."""
    attempt = 0
    while True:
        attempt += 1
        run_id = f"run-{attempt}"
        survived = database.with_name(f"survived-{attempt}")

        def work(last: int = attempt, run_id: str = run_id, survived: Path = survived) -> None:
            store = Lineage(database)
            execution_id = scribe_of(store, run_id).start("Trainer")
            statements = count(1)

            @event.listens_for(store._engine, "after_cursor_execute")
            def stop(*_: object) -> None:
                if next(statements) == last:
                    os.kill(os.getpid(), signal.SIGKILL)

            outputs = {name: (kind(Path(f"/{run_id}/{name}")), "digest") for name, kind in _KINDS.items()}
            store.publish(execution_id, outputs, [f"fingerprint-{run_id}"])
            survived.touch()
            os.kill(os.getpid(), signal.SIGKILL)

        kill(work, after=30.0)
        (execution,) = lineage.for_run(run_id)
        if survived.exists():
            break
        assert execution.state == "running"
        assert _is_whole(execution, database)
        assert lineage.find_cached("news", "Trainer", f"fingerprint-{run_id}") is None
    assert execution.state == "complete"
    assert _is_whole(execution, database)
    assert attempt > 15


def test_two_processes_write_at_once(database, lineage, scribe_of) -> None:
    def work(run_id: str) -> None:
        scribe = scribe_of(Lineage(database), run_id)
        for number in range(15):
            scribe.step(f"Node{number}", {"model": Model(Path(f"/{run_id}/{number}"))}, fingerprint=f"{number}")

    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=work, args=[f"run-{i}"]) for i in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]

    for run_id in ("run-0", "run-1"):
        executions = lineage.for_run(run_id)
        assert [(e.node, e.state, list(e.outputs)) for e in executions] == [
            (f"Node{number}", "complete", ["model"]) for number in range(15)
        ]
    with sqlite3.connect(database) as connection:
        doubled = "SELECT name, type_kind, count(*) FROM Type GROUP BY 1, 2 HAVING count(*) > 1"
        assert connection.execute(doubled).fetchall() == []


def test_many_processes_make_the_schema_at_once(database) -> None:
    def work() -> None:
        Lineage(database)

    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=work) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    with sqlite3.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM MLMDEnv").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM Type").fetchone() == (25,)


def test_readers_do_not_wait_for_a_writer(database, scribe) -> None:
    execution_id = scribe.start("Trainer")
    reader = Lineage(database, lock_timeout=0.1)
    with sqlite3.connect(database) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE Execution SET last_known_state = 4")
        (execution,) = reader.for_run("run-1")
        assert (execution.id, execution.state) == (execution_id, "running")
        writer.rollback()
