"""The local runner: cache, gates, failures, starting in the middle, and what it leaves on disk."""

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline.lineage.store import Lineage
from pipeline.result import RunFailed, RunResult
from pipeline.runner import run_pipeline
from pipeline.workspace import WorkspaceBusy
from schemas.errors import ConfigError

STEPS = ["ToyGen", "ToySchema", "ToyValidator", "ToyTrainer", "ToyEvaluator", "ToyPusher"]


def statuses(result: RunResult) -> list[str]:
    return [step.status for step in result.components]


def leftovers(project: Path) -> list[Path]:
    workspace = project / ".trainworks"
    return [*(workspace / "tmp").glob("*/*"), *(workspace / "scratch").glob("*/*/*")]


def executions(project: Path, run_id: str) -> dict[str, str]:
    with closing(Lineage(project / ".trainworks" / "metadata.sqlite")) as lineage:
        return {execution.node: execution.state for execution in lineage.for_run(run_id)}


def test_the_second_run_takes_everything_from_cache(toys: ModuleType, project: Path) -> None:
    first = run_pipeline(toys.toy_pipeline(project))
    second = run_pipeline(toys.toy_pipeline(project))
    assert [step.name for step in first.components] == STEPS
    assert statuses(first) == ["executed"] * 6
    assert statuses(second) == ["cached"] * 6
    assert second["ToyTrainer"].reason == f"unchanged since run {first.run_id}"
    assert second["ToyTrainer"].outputs["model"].uri == first["ToyTrainer"].outputs["model"].uri
    assert (second.metrics, second.pushed_version) == ({"accuracy": 0.9}, 1)
    assert executions(project, second.run_id) == dict.fromkeys(STEPS, "cached")
    assert leftovers(project) == []


def test_outputs_lie_where_the_layout_says(toys: ModuleType, project: Path) -> None:
    result = run_pipeline(toys.toy_pipeline(project))
    examples = result["ToyGen"].outputs["examples"]
    assert examples.uri == project / ".trainworks" / "artifacts" / "toy" / "ToyGen" / "examples" / "1"
    assert examples.properties == {"split_names": '["train"]'}
    assert examples.shards("train")[0].read_text() == "row 0\nrow 3\nrow 6\nrow 9"
    assert result.log == project / ".trainworks" / "logs" / f"{result.run_id}.log"
    assert "trainworks.ToyTrainer: trained on 10 rows" in result.log.read_text()


def test_a_gate_sees_what_passed_last_and_a_night_without_change_is_cached(toys: ModuleType, project: Path) -> None:
    rows = project / "rows.txt"

    def night(content: str) -> tuple[str, str, str]:
        rows.write_text(content)
        result = run_pipeline(toys.toy_pipeline(project))
        step = result["ToyValidator"]
        return result.status, step.status, (step.outputs["anomalies"].uri / "before.txt").read_text()

    one, two, bad = "row\n" * 10, "row\n" * 20, "bad\n" * 5
    assert night(one) == ("succeeded", "executed", "none")
    assert night(one) == ("succeeded", "cached", "none")
    assert night(two) == ("succeeded", "executed", "10")
    assert night(two) == ("succeeded", "cached", "10")
    assert night(bad) == ("refused", "executed", "20")
    assert night(bad) == ("refused", "cached", "20")
    assert night(one) == ("succeeded", "executed", "20")
    assert night(two) == ("succeeded", "cached", "10")


def test_a_comment_costs_nothing_and_a_parameter_costs_what_depends_on_it(toys: ModuleType, project: Path) -> None:
    run_pipeline(toys.toy_pipeline(project))
    result = run_pipeline(toys.toy_pipeline(project, epochs=5))
    assert statuses(result) == ["cached", "cached", "cached", "executed", "executed", "executed"]
    assert result["ToyTrainer"].reason == "changed: parameter epochs"
    assert result.pushed_version == 2


def test_a_changed_file_is_named_and_an_equal_output_cuts_the_rest_off(toys: ModuleType, project: Path) -> None:
    run_pipeline(toys.toy_pipeline(project))
    rows = project / "rows.txt"
    rows.write_text(rows.read_text() + "\n")  # an empty last line: one row more
    result = run_pipeline(toys.toy_pipeline(project))
    assert (result["ToyGen"].status, result["ToyGen"].reason) == ("executed", "changed: rows.txt")
    assert result["ToyTrainer"].status == "executed"
    assert result["ToyTrainer"].reason == "changed: input examples"
    assert result["ToyEvaluator"].status == "executed"
    rows.write_text(rows.read_text().replace("\n", "\r\n"))  # other bytes, the same lines
    again = run_pipeline(toys.toy_pipeline(project))
    assert statuses(again) == ["executed", *["cached"] * 5]


def test_a_frozen_file_that_a_step_wrote_itself_is_no_change(toys: ModuleType, project: Path) -> None:
    run_pipeline(toys.toy_pipeline(project), end="ToySchema")
    assert (project / "frozen.pbtxt").read_text() == "shards: 3\n"
    assert statuses(run_pipeline(toys.toy_pipeline(project), end="ToySchema"))[:2] == ["cached", "cached"]
    (project / "frozen.pbtxt").write_text("shards: 4\n")
    edited = run_pipeline(toys.toy_pipeline(project), end="ToySchema")
    assert statuses(edited)[:2] == ["cached", "executed"]
    assert edited["ToySchema"].outputs["schema"].path.read_text() == "shards: 4\n"
    assert statuses(run_pipeline(toys.toy_pipeline(project), end="ToySchema"))[:2] == ["cached", "cached"]


def test_a_file_that_changes_while_a_step_reads_is_read_again(
    toys: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = project / "rows.txt"

    class Racing(toys.ToyGen):  # type: ignore[name-defined, misc]
        def run(self, context: Any) -> None:
            super().run(context)
            rows.write_text("late row\n")

    def pipeline(gen: Any) -> Any:
        return toys.Pipeline("racing", [gen(source="rows.txt", name="Gen")], base=project)

    assert statuses(run_pipeline(pipeline(Racing))) == ["executed"]
    assert f"Gen: {rows} changed while the step was reading" in capsys.readouterr().err
    second = run_pipeline(pipeline(Racing))
    assert (second["Gen"].status, second["Gen"].reason) == ("executed", "changed: rows.txt")
    assert second["Gen"].outputs["examples"].shards("train")[0].read_text() == "late row"


def test_outputs_that_were_deleted_are_made_again(toys: ModuleType, project: Path) -> None:
    first = run_pipeline(toys.toy_pipeline(project))
    assert first.pushed_path is not None
    first.pushed_path.rename(project / "gone")
    second = run_pipeline(toys.toy_pipeline(project))
    assert statuses(second) == ["cached"] * 5 + ["executed"]
    assert second["ToyPusher"].reason == "its outputs were gone"


def test_no_cache_runs_everything(toys: ModuleType, project: Path) -> None:
    run_pipeline(toys.toy_pipeline(project))
    result = run_pipeline(toys.toy_pipeline(project), use_cache=False)
    assert statuses(result) == ["executed"] * 6
    assert {step.reason for step in result.components} == {"--no-cache"}


def test_a_gate_that_says_no_stops_the_run_fresh_and_from_cache(
    toys: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "rows.txt").write_text("good\nbad \x1b[31m one\n")
    for status in ("executed", "cached"):
        result = run_pipeline(toys.toy_pipeline(project))
        assert (result.status, result.exit_code) == ("refused", 3)
        assert statuses(result) == [status] * 3 + ["skipped"] * 3
        assert result["ToyTrainer"].reason == "ToyValidator said no"
        told = capsys.readouterr().err
        row = next(line for line in told.splitlines() if line.startswith(" no_bad_rows"))
        assert "0 rows that say `bad`" in row and "1 rows" in row and row.rstrip().endswith("failed")
        assert "rows.txt: bad \\x1b[31m one" in told
        assert "Refused by ToyValidator; nothing after it was run." in told
    with closing(Lineage(project / ".trainworks" / "metadata.sqlite")) as lineage:
        assert [run.status for run in lineage.runs(5)] == ["refused", "refused"]


def test_a_refused_model_is_kept_with_its_decision_and_not_pushed(toys: ModuleType, project: Path) -> None:
    result = run_pipeline(toys.toy_pipeline(project, accuracy=0.3))
    assert (result.status, result.blessed, result.metrics) == ("refused", False, {"accuracy": 0.3})
    assert not (project / "served").exists()
    with closing(Lineage(project / ".trainworks" / "metadata.sqlite")) as lineage:
        stored = lineage.artifact(result["ToyEvaluator"].outputs["blessing"].uri)
    assert stored is not None and stored.properties["blessed"] == 0


def test_a_broken_rule_of_severity_warning_is_shown_and_does_not_stop(
    toys: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "rows.txt").write_text("good\nbad\n")
    assert run_pipeline(toys.toy_pipeline(project, severity="warning")).status == "succeeded"
    assert "warning: ToyValidator: no_bad_rows: expected 0 rows" in capsys.readouterr().err


def test_the_champion_is_the_newest_blessed_model_other_than_the_candidate(toys: ModuleType, project: Path) -> None:
    def champion(result: RunResult) -> str:
        rules = result["ToyEvaluator"].verdict
        assert rules is not None
        return rules.rules[1].verdict

    assert champion(run_pipeline(toys.toy_pipeline(project))) == "skipped"
    assert champion(run_pipeline(toys.toy_pipeline(project))) == "skipped"
    assert champion(run_pipeline(toys.toy_pipeline(project, epochs=5))) == "passed"


def test_an_unexpected_exception_is_told_without_a_traceback(
    toys: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gen = toys.ToyGen(source="rows.txt")
    failing = toys.Failing(kind="value", examples=gen.examples)
    result = run_pipeline(toys.Pipeline("p", [gen, failing], base=project))
    told = capsys.readouterr()
    assert (result.status, result.exit_code) == ("failed", 1)
    assert isinstance(result.error, ValueError)
    assert "error: Failing failed: ValueError: shapes (3,) and (4,) do not fit" in told.err
    assert f"its input `examples`: {result['ToyGen'].outputs['examples'].uri}" in told.err
    assert f"the traceback: {result.log}" in told.err
    assert "Traceback" not in told.err + told.out
    assert "Traceback (most recent call last)" in result.log.read_text()
    assert executions(project, result.run_id) == {"ToyGen": "complete", "Failing": "failed"}
    assert not list((project / ".trainworks" / "artifacts" / "p" / "Failing").rglob("*"))
    assert leftovers(project) == []


def test_a_step_that_ends_the_process_has_failed(
    toys: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gen = toys.ToyGen(source="rows.txt")
    failing = toys.Failing(kind="exit", examples=gen.examples)
    result = run_pipeline(toys.Pipeline("p", [gen, failing], base=project))
    assert (result.status, result.exit_code, statuses(result)) == ("failed", 1, ["executed", "failed"])
    assert "error: Failing failed: SystemExit: the code of this step called exit(2)" in capsys.readouterr().err
    assert executions(project, result.run_id) == {"ToyGen": "complete", "Failing": "failed"}
    with pytest.raises(RunFailed, match=r"called exit\(2\)"):
        toys.Pipeline("p", [gen, failing], base=project).run()
    assert leftovers(project) == []


def test_an_error_of_ours_keeps_its_message_and_exit_code(
    toys: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "rows.txt").unlink()
    result = run_pipeline(toys.toy_pipeline(project))
    assert (result.status, result.exit_code) == ("failed", 2)
    assert "error: ToyGen failed: `source` must be a file. Received:" in capsys.readouterr().err
    assert statuses(result) == ["failed"] + ["skipped"] * 5
    assert executions(project, result.run_id) == {"ToyGen": "failed"}


def test_a_full_disk_is_named(toys: ModuleType, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gen = toys.ToyGen(source="rows.txt")
    result = run_pipeline(toys.Pipeline("p", [gen, toys.Failing(kind="full", examples=gen.examples)], base=project))
    assert result.exit_code == 1
    assert "error: Failing failed: the disk is full. Make room in" in capsys.readouterr().err
    assert leftovers(project) == []


def test_the_run_after_a_failure_carries_on_from_the_last_finished_step(toys: ModuleType, project: Path) -> None:
    def pipeline(kind: str) -> Any:
        gen = toys.ToyGen(source="rows.txt")
        return toys.Pipeline("p", [gen, toys.Failing(kind=kind, examples=gen.examples)], base=project)

    run_pipeline(pipeline("own"))
    assert statuses(run_pipeline(pipeline("own"))) == ["cached", "failed"]


def test_from_keeps_what_earlier_steps_made_whatever_changed(toys: ModuleType, project: Path) -> None:
    first = run_pipeline(toys.toy_pipeline(project))
    (project / "rows.txt").write_text("another\n")
    result = run_pipeline(toys.toy_pipeline(project, epochs=9), start="ToyTrainer")
    assert statuses(result) == ["cached"] * 3 + ["executed"] * 3
    assert result["ToyGen"].reason == "taken as it is (--from)"
    assert result["ToyGen"].outputs == first["ToyGen"].outputs
    assert result["ToyTrainer"].outputs["model"].serving.joinpath("saved_model.pb").read_text() == "rows 10, epochs 9\n"


def test_from_finds_its_run_behind_many_of_another_pipeline(toys: ModuleType, project: Path) -> None:
    run_pipeline(toys.toy_pipeline(project))
    with closing(Lineage(project / ".trainworks" / "metadata.sqlite")) as lineage:
        for number in range(101):
            lineage.start_run("other", f"other-{number}", "other.yaml")
    result = run_pipeline(toys.toy_pipeline(project, epochs=9), start="ToyTrainer")
    assert statuses(result) == ["cached"] * 3 + ["executed"] * 3


def test_from_does_not_get_around_a_gate(toys: ModuleType, project: Path) -> None:
    (project / "rows.txt").write_text("bad\n")
    run_pipeline(toys.toy_pipeline(project))
    result = run_pipeline(toys.toy_pipeline(project), start="ToyTrainer")
    assert (result.status, result.exit_code) == ("refused", 3)
    assert result["ToyTrainer"].status == "skipped"


def test_from_needs_an_earlier_run(toys: ModuleType, project: Path) -> None:
    run_pipeline(toys.toy_pipeline(project), end="ToyGen")
    with pytest.raises(ConfigError, match="none in which all of them finished"):
        run_pipeline(toys.toy_pipeline(project), start="ToyTrainer")


def test_to_stops_there(toys: ModuleType, project: Path) -> None:
    result = run_pipeline(toys.toy_pipeline(project), end="ToyTrainer")
    assert statuses(result) == ["executed"] * 4 + ["skipped"] * 2
    assert result["ToyPusher"].reason == "after --to ToyTrainer"
    assert (result.status, result.blessed, result.pushed_version) == ("succeeded", None, None)


def test_the_json_object_has_what_the_command_line_promises(toys: ModuleType, project: Path) -> None:
    told = json.loads(run_pipeline(toys.toy_pipeline(project)).json())
    keys = ["run_id", "status", "blessed", "pushed_version", "pushed_path", "metrics", "spans", "components"]
    assert list(told) == keys
    assert told["pushed_path"] == str(project / "served" / "1")
    assert list(told["components"][0]) == ["name", "status", "seconds", "reason"]


def test_two_runs_at_once_are_one_too_many(start: Callable[..., Any], toys: ModuleType, project: Path) -> None:
    slow = start("run_pipeline(toy_pipeline(base, seconds=30))")
    while not (project / "epochs.log").exists():
        assert slow.popen.poll() is None
    with pytest.raises(WorkspaceBusy, match=rf"`toy` is already running in .* \(process {slow.popen.pid}\)"):
        run_pipeline(toys.toy_pipeline(project))
    slow.popen.kill()
    slow.popen.wait()
    assert run_pipeline(toys.toy_pipeline(project)).status == "succeeded"


def test_another_workspace_is_free(start: Callable[..., Any], toys: ModuleType, project: Path) -> None:
    slow = start("run_pipeline(toy_pipeline(base, seconds=30))")
    while not (project / "epochs.log").exists():
        assert slow.popen.poll() is None
    assert run_pipeline(toys.toy_pipeline(project), workspace=project / "other").status == "succeeded"


def test_lineage_is_sqlite_that_others_can_read(toys: ModuleType, project: Path) -> None:
    run_pipeline(toys.toy_pipeline(project))
    with closing(sqlite3.connect(project / ".trainworks" / "metadata.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM Execution WHERE last_known_state = 3").fetchone() == (6,)


def test_a_cached_run_imports_neither_tensorflow_nor_beam(start: Callable[..., Any], project: Path) -> None:
    start("run_pipeline(toy_pipeline(base))").popen.wait(timeout=60)
    told = start("""
        result = run_pipeline(toy_pipeline(base))
        import json
        heavy = ("tensorflow", "keras", "apache_beam", "pandas", "pyarrow", "numpy", "rich")
        print(json.dumps([result.status, [name for name in heavy if name in sys.modules]]))
    """)
    stdout, _ = told.popen.communicate(timeout=60)
    assert json.loads(stdout) == ["succeeded", []]


@pytest.mark.skipif(os.name != "posix", reason="limits on file sizes are POSIX's")
def test_a_file_that_may_not_grow_leaves_nothing_half_written(start: Callable[..., Any], project: Path) -> None:
    (project / "rows.txt").write_text("x" * 3_000_000)
    limited = start("""
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        sys.exit(run_pipeline(toy_pipeline(base)).exit_code)
    """)
    _, told = limited.popen.communicate(timeout=60)
    assert limited.popen.returncode == 1
    assert "error: ToyGen failed: a file grew larger than this process may write" in told
    assert "Traceback" not in told
    assert leftovers(project) == []
    assert not list((project / ".trainworks" / "artifacts").rglob("data_tfrecord*"))
