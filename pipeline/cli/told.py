"""What lineage's records mean to a person: local times, durations, verdicts and metrics of executions."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from pipeline.lineage.records import RunSummary, StoredArtifact, StoredExecution
from schemas.artifacts import Examples, ModelEvaluation
from schemas.spans import Span, spans_in
from schemas.verdict import Verdict

STATUS: Final = {
    "running": "running",
    "complete": "executed",
    "cached": "cached",
    "failed": "failed",
    "canceled": "canceled",
}
"""An execution's state in the words of `run`."""


def started_at(milliseconds: int) -> datetime:
    """A time of lineage in the local zone."""
    return datetime.fromtimestamp(milliseconds / 1000).astimezone()


def run_seconds(record: RunSummary | StoredExecution) -> float | None:
    """How long a run or an execution took; None while it goes on."""
    return None if record.finished is None else (record.finished - record.started) / 1000


def verdict_of(execution: StoredExecution) -> Verdict | None:
    """The gate's table of rules, when the execution is a gate's and its output is still there."""
    for artifact in execution.outputs.values():
        if (artifact.uri / "verdict.json").is_file():
            return Verdict.load(artifact.uri)
    return None


def spans_of(executions: Iterable[StoredExecution]) -> tuple[Span, ...]:
    """The spans that a run read; empty where its data has none."""
    outputs = (artifact for execution in executions for artifact in execution.outputs.values())
    told = (spans_in(artifact.properties) for artifact in outputs if artifact.type_name == Examples.type_name())
    return next((spans for spans in told if spans), ())


def metrics_of(execution: StoredExecution) -> dict[str, float]:
    """The overall metrics, when the execution evaluated a model and its output is still there."""
    for artifact in execution.outputs.values():
        if artifact.type_name == ModelEvaluation.type_name() and (artifact.uri / "metrics.json").is_file():
            return dict(ModelEvaluation(artifact.uri).metrics())
    return {}


def described(artifact: StoredArtifact) -> dict[str, object]:
    """An artifact as `--json` shows it."""
    return {
        "id": artifact.id,
        "type": artifact.type_name,
        "path": str(artifact.uri),
        "digest": artifact.digest,
        "properties": dict(artifact.properties),
    }
