"""What is written is read back; what is complete is found again."""

import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from pipeline.lineage.store import Lineage
from schemas.artifacts import Examples, Model, ModelBlessing, ModelEvaluation, Schema
from schemas.errors import ConfigError, TrainworksError


def _rows(database: Path, query: str) -> list[tuple]:
    with sqlite3.connect(database) as connection:
        return connection.execute(query).fetchall()


def test_an_execution_is_read_as_it_was_written(scribe, lineage) -> None:
    before = time.time_ns() // 1_000_000
    examples = scribe.step("ExampleGen", {"examples": scribe.folder_of(Examples, split_names='["train"]', rows=1.5)})
    schema = scribe.step("SchemaGen", {"schema": scribe.folder_of(Schema)}, inputs=examples)

    first, second = lineage.for_run("run-1")
    assert (first.node, first.type_name, first.state, first.message) == ("ExampleGen", "ExampleGen", "complete", "")
    assert (first.pipeline, first.run_id, first.inputs) == ("news", "run-1", {})
    assert before <= first.started <= (first.finished or 0) <= time.time_ns() // 1_000_000
    assert second.inputs == examples == first.outputs
    assert second.outputs == schema
    stored = first.outputs["examples"]
    assert stored.type_name == "Examples"
    assert stored.properties == {"split_names": '["train"]', "rows": 1.5}
    assert stored.digest == stored.uri.name


def test_relative_uris_are_stored_absolute(scribe, lineage, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    stored = scribe.step("ExampleGen", {"examples": Examples(Path("somewhere/../here"))})["examples"]
    assert stored.uri == tmp_path / "here"
    assert lineage.artifact("here") == lineage.artifact(str(stored.id)) == lineage.artifact(stored.id) == stored
    assert lineage.artifact(tmp_path / "here" / "Split-train" / "x") == stored
    assert lineage.artifact("elsewhere") is None
    assert lineage.artifact(99) is None
    assert lineage.artifact("9" * 20) is lineage.artifact("9" * 9_999) is lineage.artifact(10**30) is None


def test_rows_are_those_that_tfx_writes(scribe, database) -> None:
    examples = scribe.step("ExampleGen", {"examples": scribe.folder_of(Examples, span=7, split_names="[]", note="x")})
    scribe.step("Trainer", {"model": scribe.folder_of(Model)}, inputs=examples, fingerprint="f00d")

    contexts = "SELECT t.name, c.name FROM Context c JOIN Type t ON t.id = c.type_id ORDER BY c.id"
    assert _rows(database, contexts) == [
        ("pipeline", "news"),
        ("pipeline_run", "run-1"),
        ("node", "news.ExampleGen"),
        ("node", "news.Trainer"),
        ("execution_cache", "f00d"),
    ]
    events = """SELECT e.execution_id, e.type, p.is_index_step, p.step_index, p.step_key
        FROM Event e JOIN EventPath p ON p.event_id = e.id ORDER BY p.rowid"""
    assert _rows(database, events) == [
        (1, 4, 0, None, "examples"),
        (1, 4, 1, 0, None),
        (2, 3, 0, None, "examples"),
        (2, 3, 1, 0, None),
        (2, 4, 0, None, "model"),
        (2, 4, 1, 0, None),
    ]
    assert _rows(database, "SELECT execution_id, context_id FROM Association ORDER BY 1, 2") == [
        (1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 4), (2, 5),
    ]  # fmt: skip
    assert _rows(database, "SELECT artifact_id, context_id FROM Attribution ORDER BY 1, 2") == [
        (1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2), (2, 4), (2, 5),
    ]  # fmt: skip
    said = "SELECT name, is_custom_property, int_value, string_value FROM ArtifactProperty WHERE artifact_id = 1"
    assert sorted(_rows(database, said)) == [
        ("__digest__", 1, None, examples["examples"].digest),
        ("note", 1, None, "x"),
        ("span", 0, 7, None),
        ("split_names", 0, None, "[]"),
    ]
    assert _rows(database, "SELECT state FROM Artifact") == [(2,), (2,)]
    assert _rows(database, "SELECT last_known_state FROM Execution") == [(3,), (3,)]


def test_types_are_children_of_the_simple_types(scribe, database) -> None:
    scribe.step("StatisticsGen", {})
    scribe.step("Trainer", {})
    scribe.step("MyOwn", {})
    parents = (
        """SELECT c.name, p.name FROM ParentType JOIN Type c ON c.id = type_id JOIN Type p ON p.id = parent_type_id"""
    )
    assert dict(_rows(database, parents)) == {
        "Examples": "mlmd.Dataset",
        "ExampleStatistics": "mlmd.Statistics",
        "Model": "mlmd.Model",
        "ModelEvaluation": "mlmd.Metrics",
        "PushedModel": "mlmd.Model",
        "StatisticsGen": "mlmd.Process",
        "Trainer": "mlmd.Train",
    }
    simple = "SELECT name, type_kind FROM Type WHERE name LIKE 'mlmd.%' ORDER BY id"
    assert _rows(database, simple) == [
        ("mlmd.Dataset", 1), ("mlmd.Model", 1), ("mlmd.Metrics", 1), ("mlmd.Statistics", 1), ("mlmd.Train", 0),
        ("mlmd.Transform", 0), ("mlmd.Process", 0), ("mlmd.Evaluate", 0), ("mlmd.Deploy", 0),
    ]  # fmt: skip
    declared = "SELECT t.name, p.name, data_type FROM TypeProperty p JOIN Type t ON t.id = type_id"
    assert set(_rows(database, declared)) == {
        ("Examples", "span", 1), ("Examples", "version", 1), ("Examples", "split_names", 3),
        ("ExampleStatistics", "span", 1), ("ExampleStatistics", "split_names", 3),
        ("ExampleAnomalies", "span", 1), ("ExampleAnomalies", "split_names", 3),
    }  # fmt: skip
    assert _rows(database, "SELECT name FROM Type WHERE name = 'MyOwn' AND type_kind = 0") == [("MyOwn",)]


def test_a_model_may_be_candidate_and_champion(scribe, lineage) -> None:
    model = scribe.step("Trainer", {"model": scribe.folder_of(Model)})["model"]
    scribe.step("Evaluator", {"evaluation": scribe.folder_of(ModelEvaluation)}, {"model": model, "champion": model})
    assert lineage.for_run("run-1")[1].inputs == {"model": model, "champion": model}


def test_a_run_has_a_beginning_and_an_end(scribe, lineage) -> None:
    running = lineage.run("run-1")
    assert running is not None
    assert (running.status, running.finished) == ("running", None)
    lineage.finish_run("run-1", "refused")
    ended = lineage.run("run-1")
    assert ended is not None
    assert (ended.pipeline, ended.file, ended.status) == ("news", "news.yaml", "refused")
    assert ended.finished is not None and ended.finished >= ended.started

    lineage.start_run("news", "run-2", "news.yaml")
    assert [run.run_id for run in lineage.runs(10)] == ["run-2", "run-1"]
    assert [run.run_id for run in lineage.runs(1)] == ["run-2"]
    assert lineage.run("run-3") is None
    assert lineage.for_run("run-3") == []


def test_runs_of_one_pipeline_are_counted_alone(scribe, lineage) -> None:
    for number in range(3):
        lineage.start_run("images", f"images-{number}", "images.yaml")
    assert [run.run_id for run in lineage.runs(1, pipeline="news")] == ["run-1"]
    assert [run.run_id for run in lineage.runs(2, pipeline="images")] == ["images-2", "images-1"]
    assert lineage.runs(9, pipeline="new") == []


def test_a_run_id_is_used_once(scribe, lineage) -> None:
    with pytest.raises(ConfigError, match="run_id=run-1"):
        lineage.start_run("news", "run-1", "news.yaml")
    with pytest.raises(ValueError, match="run_id=run-9"):
        lineage.finish_run("run-9", "failed")


def test_failures_are_kept_with_their_message(scribe, lineage) -> None:
    lineage.fail(scribe.start("Trainer"), "loss is NaN at step 7")
    lineage.fail(scribe.start("Trainer"), "Ctrl-C", canceled=True)
    lineage.fail(scribe.start("Trainer"), "a\0b \udcff")
    failed, canceled, odd = lineage.for_run("run-1")
    assert (failed.state, failed.message) == ("failed", "loss is NaN at step 7")
    assert (canceled.state, canceled.message) == ("canceled", "Ctrl-C")
    assert odd.message == "a\\0b \\udcff"


def test_what_is_complete_stays_so(scribe, lineage) -> None:
    execution_id = scribe.start("Trainer")
    lineage.publish(execution_id, {}, [])
    with pytest.raises(TrainworksError, match=f"Execution {execution_id} must be running"):
        lineage.fail(execution_id, "late")
    with pytest.raises(TrainworksError, match="must be running"):
        lineage.publish(execution_id, {"model": (scribe.folder_of(Model), "d")}, [])
    (execution,) = lineage.for_run("run-1")
    assert (execution.state, execution.outputs) == ("complete", {})


def test_an_abandoned_execution_may_still_publish(scribe, lineage) -> None:
    execution_id = scribe.start("Trainer")
    assert [execution.id for execution in lineage.abandon_running("news", alone=True)] == [execution_id]
    lineage.publish(execution_id, {"model": (scribe.folder_of(Model), "d")}, ["f"])
    found = lineage.find_cached("news", "Trainer", "f")
    assert found is not None
    assert (found.state, found.message) == ("complete", "")


def test_the_newest_complete_execution_is_found(scribe, lineage) -> None:
    scribe.step("Trainer", {"model": scribe.folder_of(Model)}, fingerprint="f")
    newest = scribe.step("Trainer", {"model": scribe.folder_of(Model)}, fingerprint="f")
    lineage.fail(scribe.start("Trainer"), "broken")
    scribe.start("Trainer")

    found = lineage.find_cached("news", "Trainer", "f")
    assert found is not None
    assert found.outputs == newest
    assert lineage.find_cached("news", "Trainer", "other") is None
    assert lineage.find_cached("news", "Tuner", "f") is None
    assert lineage.find_cached("weather", "Trainer", "f") is None


def test_every_fingerprint_finds_it(scribe, lineage) -> None:
    lineage.publish(scribe.start("SchemaGen"), {"schema": (scribe.folder_of(Schema), "d")}, ["before", "after"])
    before, after = (lineage.find_cached("news", "SchemaGen", name) for name in ("before", "after"))
    assert before is not None
    assert before == after


def test_dead_outputs_are_not_found(scribe, lineage, database) -> None:
    older = scribe.step("Trainer", {"model": scribe.folder_of(Model)}, fingerprint="f")
    newer = scribe.step("Trainer", {"model": scribe.folder_of(Model)}, fingerprint="f")
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE Artifact SET state = 4 WHERE id = ?", [newer["model"].id])
    found = lineage.find_cached("news", "Trainer", "f")
    assert found is not None
    assert found.outputs == older


def test_a_cached_execution_has_the_same_outputs(scribe, lineage) -> None:
    examples = scribe.step("ExampleGen", {"examples": scribe.folder_of(Examples)})
    scribe.step("Trainer", {"model": scribe.folder_of(Model)}, inputs=examples, fingerprint="f")
    original = lineage.find_cached("news", "Trainer", "f")
    assert original is not None

    lineage.start_run("news", "run-2", "news.yaml")
    new = lineage.record_cached(
        pipeline="news", run_id="run-2", node="Trainer", component="Trainer", inputs=examples, cached=original
    )
    (execution,) = lineage.for_run("run-2")
    assert (execution.id, execution.state) == (new, "cached")
    assert (execution.inputs, execution.outputs) == (original.inputs, original.outputs)
    assert execution.finished is not None
    assert lineage.find_cached("news", "Trainer", "f") == original
    assert lineage.producer(original.outputs["model"].id) == original


def test_only_what_is_surely_gone_is_abandoned(scribe, lineage, database, scribe_of, kill) -> None:
    scribe.start("Trainer")
    assert lineage.abandon_running("news") == []  # this very process runs it

    def work() -> None:
        other = scribe_of(Lineage(database), "run-2")
        other.start("Trainer")
        os.kill(os.getpid(), signal.SIGKILL)

    kill(work, after=5.0)

    assert lineage.abandon_running("weather") == []
    (abandoned,) = lineage.abandon_running("news")
    assert (abandoned.run_id, abandoned.state) == ("run-2", "failed")
    assert "killed" in abandoned.message
    states = {run.run_id: run.status for run in lineage.runs(10)}
    assert states == {"run-1": "running", "run-2": "failed"}
    assert lineage.abandon_running("news") == []


def test_long_and_foreign_words_survive(scribe, lineage) -> None:
    words = "路透社 \N{PILE OF POO} 'quoted' \\ %s" * 1000
    stored = scribe.step("Trainer", {"model": scribe.folder_of(Model, words=words, big=2**40, small=-0.25)})["model"]
    assert stored.properties == {"words": words, "big": 2**40, "small": -0.25}


def test_a_blessing_is_a_custom_property(scribe, database) -> None:
    scribe.step("Evaluator", {"blessing": scribe.folder_of(ModelBlessing, blessed=1, current_model="/m")})
    query = "SELECT name, is_custom_property, int_value, string_value FROM ArtifactProperty WHERE name != '__digest__'"
    assert sorted(_rows(database, query)) == [("blessed", 1, 1, None), ("current_model", 1, None, "/m")]


def test_who_joins_a_run_ends_what_an_earlier_try_left(lineage) -> None:
    lineage.join_run("news", "night", "news.yaml")
    lineage.start_execution(
        pipeline="news", run_id="night", node="Trainer", component="Trainer", inputs={}, parameters={}
    )
    assert lineage.abandon_running("news") == []  # for all that this machine can tell, it is at work elsewhere
    lineage.finish_run("night", "failed")
    lineage.join_run("news", "night", "news.yaml")
    (left,) = lineage.for_run("night")
    run = lineage.run("night")
    assert run is not None
    assert (left.state, run.status, run.finished) == ("failed", "running", None)


def test_the_newest_execution_of_a_node(scribe, lineage) -> None:
    assert lineage.newest_execution("news", "Trainer") is None
    scribe.step("Trainer", {"model": scribe.folder_of(Model)})
    failed = scribe.start("Trainer")
    lineage.fail(failed, "broken")
    scribe.start("Evaluator")
    newest = lineage.newest_execution("news", "Trainer")
    assert (newest.id, newest.state) == (failed, "failed")


def test_a_run_that_its_orchestrator_gave_up_has_failed_until_it_goes_on(lineage, database) -> None:
    step = {"pipeline": "news", "component": "Gen", "inputs": {}, "parameters": {}}
    for run_id in ("given-up", "at-work"):
        lineage.join_run("news", run_id, "news.yaml")
        lineage.publish(lineage.start_execution(run_id=run_id, node="Gen", **step), {}, [])
    lineage.start_execution(run_id="at-work", node="Trainer", **step)

    def status(run_id: str) -> str:
        run = lineage.run(run_id)
        assert run is not None
        return run.status

    lineage.abandon_running("news")
    assert (status("given-up"), status("at-work")) == ("running", "running")
    with sqlite3.connect(database) as connection:
        connection.execute(
            "UPDATE Execution SET last_update_time_since_epoch = last_update_time_since_epoch - 172900000"
        )
    lineage.abandon_running("news")
    assert (status("given-up"), status("at-work")) == ("failed", "running")
    lineage.join_run("news", "given-up", "news.yaml")
    assert status("given-up") == "running"
