"""One step at a time of a run that an orchestrator names: inputs, status, tries, kills, and whose turn it is."""

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline.lineage.records import RunSummary
from pipeline.lineage.store import Lineage
from pipeline.node_run import GateRefused, run_node, safe_run_id
from pipeline.result import RunResult
from pipeline.runner import run_pipeline
from pipeline.workspace import Workspace, WorkspaceBusy
from schemas.config import StepConfig
from schemas.errors import ConfigError, TrainworksError
from schemas.names import is_name

STEPS = ["ToyGen", "ToySchema", "ToyValidator", "ToyTrainer", "ToyEvaluator", "ToyPusher"]
Take = Callable[..., list[RunResult]]


@pytest.fixture
def take(toys: ModuleType, project: Path) -> Take:
    """Takes steps of a run, each by a pipeline that is assembled anew."""

    def take(run_id: str, *nodes: str, **settings: Any) -> list[RunResult]:
        return [run_node(toys.toy_pipeline(project, **settings), node, run_id=run_id) for node in nodes]

    return take


def lineage_of(project: Path) -> Lineage:
    return Lineage(project / ".trainworks" / "metadata.sqlite")


def run_of(project: Path, run_id: str) -> RunSummary:
    with closing(lineage_of(project)) as lineage:
        run = lineage.run(run_id)
    assert run is not None
    return run


def attempts(project: Path, run_id: str) -> list[tuple[str, str]]:
    with closing(lineage_of(project)) as lineage:
        return [(execution.node, execution.state) for execution in lineage.for_run(run_id)]


def test_all_steps_one_by_one_are_one_run_that_has_ended(take: Take, project: Path) -> None:
    for node, status in zip(STEPS, ["running"] * 5 + ["succeeded"], strict=True):
        (result,) = take("night-1", node)
        assert (result.run_id, result.status, result[node].status) == ("night-1", "succeeded", "executed")
        assert run_of(project, "night-1").status == status
    assert (result.pushed_version, attempts(project, "night-1")) == (1, [(node, "complete") for node in STEPS])
    assert run_of(project, "night-1").finished is not None
    assert not list((project / ".trainworks" / "tmp").glob("*/*"))


def test_it_shares_its_cache_with_whole_runs(toys: ModuleType, take: Take, project: Path) -> None:
    first = run_pipeline(toys.toy_pipeline(project))
    second = take("night-2", *STEPS)
    assert [result.components[0].reason for result in second] == [f"unchanged since run {first.run_id}"] * 6
    assert attempts(project, "night-2") == [(node, "cached") for node in STEPS]
    third = run_pipeline(toys.toy_pipeline(project))
    assert [step.status for step in third.components] == ["cached"] * 6


def test_a_step_reads_what_its_own_run_made_and_not_the_newest(toys: ModuleType, take: Take, project: Path) -> None:
    take("a", "ToyGen", "ToySchema", "ToyValidator")
    (project / "rows.txt").write_text("one\ntwo\n")
    run_pipeline(toys.toy_pipeline(project))
    take("b", "ToyGen", "ToySchema", "ToyValidator")
    (of_a,) = take("a", "ToyTrainer")
    (of_b,) = take("b", "ToyTrainer")
    trained = [r["ToyTrainer"].outputs["model"].serving.joinpath("saved_model.pb").read_text() for r in (of_a, of_b)]
    assert trained == ["rows 10, epochs 4\n", "rows 2, epochs 4\n"]


def test_the_champion_is_that_of_the_moment(take: Take) -> None:
    def champion(result: RunResult) -> str:
        verdict = result["ToyEvaluator"].verdict
        assert verdict is not None
        return verdict.rules[1].verdict

    before = take("a", *STEPS[:4])
    assert before[-1].status == "succeeded"
    take("b", *STEPS, epochs=9)
    assert champion(take("a", "ToyEvaluator")[0]) == "passed"  # the model of `b`, which was blessed meanwhile


def test_a_gate_that_says_no_ends_the_run(take: Take, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "rows.txt").write_text("good\nbad\n")
    *_, refused = take("night", *STEPS[:3])
    assert (refused.status, refused.exit_code) == ("refused", 3)
    assert run_of(project, "night").status == "refused"
    told = capsys.readouterr().err
    assert "0 rows that say `bad`" in told and "Run night refused. More: trainworks show night" in told
    with pytest.raises(GateRefused, match="ToyValidator said no in run night; nothing after it is run") as error:
        take("night", "ToyTrainer")
    assert error.value.exit_code == 3
    (again,) = take("night", "ToyValidator")  # an orchestrator that knows no better tries again
    assert (again.status, again["ToyValidator"].status, run_of(project, "night").status) == (
        "refused",
        "cached",
        "refused",
    )


def test_no_step_gets_around_a_gate_or_what_it_needs(take: Take, project: Path) -> None:
    take("night", "ToyGen", "ToySchema")
    for node, missing in (("ToyTrainer", "ToyValidator"), ("ToyPusher", "ToyValidator")):
        with pytest.raises(ConfigError, match=f"{node} goes on from what {missing} made in the same run"):
            take("night", node)
    with pytest.raises(ConfigError, match="ToySchema goes on from what ToyGen made in the same run, and in run other"):
        take("other", "ToySchema")
    with closing(lineage_of(project)) as lineage:
        assert [run.run_id for run in lineage.runs(9)] == ["night"]


def test_a_model_that_was_made_anew_needs_the_gates_anew(take: Take, project: Path) -> None:
    take("night", *STEPS[:5])
    take("night", "ToyTrainer", epochs=9)
    with pytest.raises(ConfigError, match="ToyPusher goes on from what ToyEvaluator made in the same run, and in run"):
        take("night", "ToyPusher", epochs=9)
    take("night", *STEPS[4:], epochs=9)
    assert run_of(project, "night").status == "succeeded"
    take("night", "ToyTrainer", epochs=5)
    assert run_of(project, "night").status == "running"


def test_a_step_that_failed_is_tried_again_in_the_same_run(take: Take, project: Path) -> None:
    rows = project / "rows.txt"
    content = rows.read_text()
    rows.unlink()
    (failed,) = take("night", "ToyGen")
    assert (failed.status, failed.exit_code, run_of(project, "night").status) == ("failed", 2, "failed")
    rows.write_text(content)
    take("night", "ToyGen")
    assert run_of(project, "night").status == "running"
    take("night", *STEPS[1:])
    assert run_of(project, "night").status == "succeeded"
    assert attempts(project, "night")[:2] == [("ToyGen", "failed"), ("ToyGen", "complete")]


def test_a_step_that_was_killed_carries_on_in_the_next_try(
    start: Callable[..., Any], take: Take, project: Path
) -> None:
    take("night", *STEPS[:3], seconds=0.2)
    killed = start("""
        from pipeline.node_run import run_node
        run_node(toy_pipeline(base, seconds=0.2), "ToyTrainer", run_id="night")
    """)
    while not (project / "epochs.log").exists() or len((project / "epochs.log").read_text().split()) < 2:
        assert killed.popen.poll() is None
    killed.popen.kill()
    killed.popen.wait()
    assert (attempts(project, "night")[-1], run_of(project, "night").status) == (("ToyTrainer", "running"), "running")
    take("night", "ToyTrainer", seconds=0.2)
    assert attempts(project, "night")[-2:] == [("ToyTrainer", "failed"), ("ToyTrainer", "complete")]
    assert (project / "epochs.log").read_text().split() in (["1", "2", "2", "3", "4"], ["1", "2", "3", "4"])
    assert run_of(project, "night").status == "running"


@pytest.mark.slow
def test_the_next_run_ends_one_whose_step_was_killed_and_no_other(
    start: Callable[..., Any], toys: ModuleType, take: Take, project: Path
) -> None:
    take("between", "ToyGen")
    killed = start("""
        from pipeline.node_run import run_node
        for node in ("ToyGen", "ToySchema", "ToyValidator", "ToyTrainer"):
            run_node(toy_pipeline(base, seconds=30), node, run_id="killed")
    """)
    while not (project / "epochs.log").exists():
        assert killed.popen.poll() is None
    killed.popen.kill()
    killed.popen.wait()
    run_pipeline(toys.toy_pipeline(project))
    assert (run_of(project, "killed").status, run_of(project, "between").status) == ("failed", "running")


@pytest.mark.slow
def test_a_step_waits_for_its_turn(start: Callable[..., Any], take: Take, project: Path) -> None:
    first = start("run_pipeline(toy_pipeline(base, seconds=0.3))")
    while not (project / "epochs.log").exists():
        assert first.popen.poll() is None
    (result,) = take("night", "ToyGen", seconds=0.3)
    assert (result.status, first.popen.wait(timeout=60)) == ("succeeded", 0)
    with closing(lineage_of(project)) as lineage:
        *_, before = lineage.for_run(lineage.runs(2)[1].run_id)
        (own,) = lineage.for_run("night")
    assert before.finished is not None and own.started >= before.finished


def test_a_step_that_has_waited_long_enough_says_who_is_at_work(toys: ModuleType, project: Path) -> None:
    pipeline = toys.toy_pipeline(project)
    with (
        Workspace(project / ".trainworks").lock("toy"),
        pytest.raises(WorkspaceBusy, match="`toy` is already running"),
    ):
        run_node(pipeline, "ToyGen", run_id="night", wait=0.3)


def test_a_run_belongs_to_one_pipeline_and_to_an_orchestrator(toys: ModuleType, take: Take, project: Path) -> None:
    take("night", "ToyGen")
    other = toys.Pipeline("other", [toys.ToyGen(source="rows.txt")], base=project)
    with pytest.raises(ConfigError, match=r"of a run of pipeline `other` .* Received: night, a run of `toy`$"):
        run_node(other, "ToyGen", run_id="night")
    whole = run_pipeline(toys.toy_pipeline(project))
    with pytest.raises(ConfigError, match=f"Received: {whole.run_id}, a run of `toy` that one process took as a whole"):
        take(whole.run_id, "ToyGen")


def test_a_lineage_that_cannot_be_used_is_worth_another_try(take: Take, project: Path) -> None:
    (project / ".trainworks").mkdir()
    (project / ".trainworks" / "metadata.sqlite").write_text("no database" * 100)
    with pytest.raises(TrainworksError, match="is not a SQLite database") as caught:
        take("night", "ToyGen")
    assert caught.value.exit_code == 1


def test_an_unknown_step_is_told_with_those_there_are(take: Take) -> None:
    with pytest.raises(ConfigError, match=r"`NODE` must name a step: ToyGen, .*, ToyPusher\. Received: Toygen"):
        take("night", "Toygen")


@pytest.mark.parametrize(
    "given", ["manual__2026-11-25T19:01:22.5+00:00", "../../etc", "--", "", "é" * 300, "a b; rm -rf ~", "x" * 101]
)
def test_any_name_becomes_a_safe_one(given: str) -> None:
    safe = safe_run_id(given)
    assert is_name(safe) and safe_run_id(safe) == safe
    assert safe != safe_run_id(given + "+") and safe_run_id(given + ":") != safe_run_id(given + "+")


def test_a_safe_name_stays_and_another_one_can_be_recognized() -> None:
    assert safe_run_id("20261121-223755-3f9a") == "20261121-223755-3f9a"
    assert re.fullmatch(
        r"manual__2026-11-25T19-01-22-00-00-[0-9a-f]{8}", safe_run_id("manual__2026-11-25T19:01:22+00:00")
    )


def test_one_try_a_call_whatever_the_file_says(toys: ModuleType, project: Path) -> None:
    gen = toys.ToyGen(source="rows.txt")
    failing = toys.Failing(kind="value", examples=gen.examples)
    steps = {"default": StepConfig(retries=3, backoff_seconds=0)}
    pipeline = toys.Pipeline("p", [gen, failing], base=project, steps=steps)
    run_node(pipeline, "ToyGen", run_id="night")
    assert run_node(pipeline, "Failing", run_id="night").exit_code == 1
    assert attempts(project, "night") == [("ToyGen", "complete"), ("Failing", "failed")]
