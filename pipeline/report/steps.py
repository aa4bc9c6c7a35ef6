"""The steps of a run, each with its place on the run's time line."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.cli.told import STATUS, verdict_of
from pipeline.lineage.records import StoredArtifact, StoredExecution
from schemas.verdict import Verdict


@dataclass(frozen=True)
class StepLine:
    """One execution.

    Args:
        status: in the words of `run`; `refused` for a gate that said no.
        seconds: None while it runs.
        start, width: percent of the run's time, for a bar.
        message: why it failed.
        last: whether no later try of the same node followed.
        outputs: name to artifact.
        verdict: the table of rules, when it is a gate's and still there.
    """

    node: str
    status: str
    seconds: float | None
    start: float
    width: float
    message: str
    last: bool
    outputs: Sequence[tuple[str, StoredArtifact]]
    verdict: Verdict | None


def step_lines(executions: Sequence[StoredExecution]) -> list[StepLine]:
    """The executions in the order in which they started."""
    if not executions:
        return []
    begin = min(execution.started for execution in executions)
    end = max(execution.finished or execution.started for execution in executions)
    last = {execution.node: execution.id for execution in executions}
    return [
        _line(execution, begin, max(end - begin, 1), last=last[execution.node] == execution.id)
        for execution in executions
    ]


def _line(execution: StoredExecution, begin: int, whole: int, *, last: bool) -> StepLine:
    verdict = verdict_of(execution)
    lasted = None if execution.finished is None else execution.finished - execution.started
    return StepLine(
        node=execution.node,
        status="refused" if verdict is not None and verdict.refused else STATUS[execution.state],
        seconds=None if lasted is None else lasted / 1000,
        start=100 * (execution.started - begin) / whole,
        width=100 * (lasted or 0) / whole,
        message=execution.message,
        last=last,
        outputs=list(execution.outputs.items()),
        verdict=verdict,
    )
