"""What a run came to: its status, every step's fate, and the numbers people ask for first."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from components.component import ArtifactT
from pipeline.failure import chain_of
from pipeline.workspace import WorkspaceBusy
from schemas.artifacts import Artifact, Examples, ModelBlessing, ModelEvaluation, PushedModel
from schemas.errors import TrainworksError
from schemas.spans import Span, as_json, spans_in
from schemas.verdict import Verdict

StepStatus = Literal["executed", "cached", "failed", "skipped"]
FinalStatus = Literal["succeeded", "failed", "refused", "canceled"]

REFUSED: Final = 3
"""Exit code of a run that a gate stopped."""


@dataclass(frozen=True)
class StepResult:
    """One step's fate.

    Args:
        name: the node's name in the pipeline.
        seconds: how long it took; 0 for what was skipped.
        reason: why it was executed, taken from cache, or skipped; the message of what failed.
        outputs: output name to artifact in its final place; empty unless executed or cached.
        verdict: the gate's table of rules, when the step is a gate.
    """

    name: str
    status: StepStatus
    seconds: float = 0.0
    reason: str = ""
    outputs: Mapping[str, Artifact] = field(default_factory=dict)
    verdict: Verdict | None = None


@dataclass(frozen=True)
class RunResult:
    """One run of a pipeline.

    Args:
        components: every step of the pipeline, in the order of the run.
        log: file with the traceback of what failed and the libraries' own messages.
        error: what failed or ended the run; None when it succeeded or a gate refused.
        exit_code: as DESIGN's command line has it: 0 done, 1 or 2 failed, 3 refused, 128 + signal canceled.
    """

    run_id: str
    pipeline: str
    status: FinalStatus
    components: tuple[StepResult, ...]
    log: Path
    error: BaseException | None = None
    exit_code: int = 0

    def __getitem__(self, name: str) -> StepResult:
        """The step of this name."""
        return next(step for step in self.components if step.name == name)

    @property
    def metrics(self) -> dict[str, float]:
        """The overall metrics of the evaluation; empty when nothing was evaluated."""
        evaluation = self._newest(ModelEvaluation)
        return dict(evaluation.metrics()) if evaluation else {}

    @property
    def spans(self) -> tuple[Span, ...]:
        """The spans of the data that were read, oldest first; empty where it has none."""
        examples = self._newest(Examples)
        return spans_in(examples.properties) if examples else ()

    @property
    def blessed(self) -> bool | None:
        """The evaluator's decision; None when it came to none."""
        blessing = self._newest(ModelBlessing)
        return None if blessing is None else blessing.properties.get("blessed") == 1

    @property
    def pushed_version(self) -> int | None:
        pushed = self._newest(PushedModel)
        return pushed.version if pushed else None

    @property
    def pushed_path(self) -> Path | None:
        """The folder of the pushed version, as a model server sees it."""
        pushed = self._newest(PushedModel)
        return pushed.uri if pushed else None

    @property
    def refused_by(self) -> StepResult | None:
        """The step that stopped the run: a gate, or one that keeps to an earlier decision (a rollback, say)."""
        if self.status != "refused":
            return None
        said_no = (
            step for step in self.components if step.status == "failed" or (step.verdict and step.verdict.refused)
        )
        return next(said_no, None)

    def json(self) -> str:
        """The object that `--json` prints, on one line; `again` is there, and true, where a later run may succeed."""
        return json.dumps(
            {
                "run_id": self.run_id,
                "status": self.status,
                "blessed": self.blessed,
                "pushed_version": self.pushed_version,
                "pushed_path": str(self.pushed_path) if self.pushed_path else None,
                "metrics": self.metrics,
                "spans": as_json(self.spans),
                "components": [
                    {"name": s.name, "status": s.status, "seconds": round(s.seconds, 3), "reason": s.reason}
                    for s in self.components
                ],
                **_again(self.error),
            }
        )

    def _newest(self, kind: type[ArtifactT]) -> ArtifactT | None:
        found = [a for step in self.components for a in step.outputs.values() if isinstance(a, kind)]
        return found[-1] if found else None


def no_run(error: Exception) -> str:
    """The object that `--json` prints where there was no run: the keys of a run's, and `error`, what is wrong.

    `again` is there as in a run's.
    """
    return json.dumps(
        {
            "run_id": None,
            "status": "failed",
            "blessed": None,
            "pushed_version": None,
            "pushed_path": None,
            "metrics": {},
            "spans": [],
            "components": [],
            "error": str(error) if isinstance(error, TrainworksError) else f"{type(error).__name__}: {error}",
            **_again(error),
        }
    )


def may_come_through(error: BaseException | None) -> bool:
    """Whether the same run may come through later: nothing is wrong with the pipeline or its data.

    Another process was at work on it, or the lineage's database failed (locked, gone, full).
    """
    return any(
        type(link).__module__.startswith("sqlalchemy.") or isinstance(link, sqlite3.Error | WorkspaceBusy)
        for link in (chain_of(error) if error else ())
    )


def _again(error: BaseException | None) -> dict[str, bool]:
    return {"again": True} if may_come_through(error) else {}


class RunFailed(TrainworksError):  # noqa: N818 - the pipeline's own words: a run succeeded, was refused, or failed
    """A run composed in Python ended with a failed step; `result` says everything."""

    def __init__(self, message: str, result: RunResult) -> None:
        super().__init__(message)
        self.result = result
