"""What is to be told about a run that has ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.config.notify import Event
from schemas.verdict import RuleVerdict, Verdict


@dataclass(frozen=True)
class News:
    """How a run ended.

    Args:
        pipeline: its name.
        event: how it ended.
        run_id: None where it did not even begin.
        reason: what started it; empty where a person did.
        detail: what went wrong; empty when nothing did.
        rules: what the gates said no to, by gate.
        metrics: of the evaluation.
        pushed: version and folder of what was pushed; None where nothing was.
        show: the command that tells more.
    """

    pipeline: str
    event: Event
    run_id: str | None
    reason: str = ""
    detail: str = ""
    rules: tuple[tuple[str, RuleVerdict], ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    pushed: tuple[int, str] | None = None
    show: str = ""


def news_of(
    told: Mapping[str, Any],  # JSON's own object
    *,
    pipeline: str,
    event: Event,
    workspace: Path,
    verdicts: Mapping[str, Verdict],
    reason: str = "",
    detail: str = "",
) -> News:
    """The news of a run.

    Args:
        told: the object that `trainworks run --json` printed; empty where it printed none.
        verdicts: of the run's gates, by node.
    """
    run_id = told.get("run_id")
    version = told.get("pushed_version")
    executed = {step["name"] for step in told.get("components", []) if step.get("status") == "executed"}
    return News(
        pipeline=pipeline,
        event=event,
        run_id=run_id,
        reason=reason,
        detail=detail,
        rules=tuple((gate, rule) for gate, verdict in verdicts.items() for rule in _broken(verdict)),
        metrics=told.get("metrics", {}),
        pushed=(version, str(told.get("pushed_path"))) if version is not None and "Pusher" in executed else None,
        show=f"trainworks show {run_id} --workspace {workspace}" if run_id else "",
    )


def _broken(verdict: Verdict) -> list[RuleVerdict]:
    return [rule for rule in verdict.rules if rule.verdict == "failed" and rule.severity == "error"]
