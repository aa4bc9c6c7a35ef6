"""What `monitor` found: for people, for programs, for Prometheus."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from components.metrics.intervals import wilson
from components.validation.inspection import Check
from components.validation.served import CONFIDENCE
from schemas.verdict import Verdict

if TYPE_CHECKING:
    from components.transforms.label_join import DayTally

_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True)
class Outcome:
    """The end of one look at a served model.

    Args:
        run_id: what lineage calls it.
        pipeline: whose model it is.
        since, until: the window, in seconds since 1970.
        requests: rows that were looked at, by version.
        verdict: every rule's.
        distances: all that was measured, whether within its limit or not.
        days: live accuracy by version and day.
        notes: what was left out, and why.
        request: id of the run that was asked for; None where none was.
    """

    run_id: str
    pipeline: str
    since: int
    until: int
    requests: Mapping[int, int]
    verdict: Verdict
    distances: tuple[Check, ...] = ()
    days: "tuple[DayTally, ...]" = ()
    notes: tuple[str, ...] = ()
    request: int | None = None

    @property
    def status(self) -> str:
        return "refused" if self.verdict.refused else "passed"

    def json(self) -> str:
        """One object, on one line."""
        return json.dumps(
            {
                "run_id": self.run_id,
                "pipeline": self.pipeline,
                "status": self.status,
                "since": shown_time(self.since),
                "until": shown_time(self.until),
                "requests": {str(version): rows for version, rows in self.requests.items()},
                "rules": [rule.model_dump(mode="json") for rule in self.verdict.rules],
                "distances": [_distance(check) for check in self.distances],
                "live_accuracy": [_day(day) for day in self.days],
                "notes": list(self.notes),
                "requested_run": self.request,
            },
            ensure_ascii=False,
        )


def shown_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def shown_day(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).isoformat()


def _distance(check: Check) -> dict[str, Any]:
    assert check.measured is not None
    return {
        "of": check.split,
        "metric": check.measured.metric,
        "quantity": check.measured.quantity,
        "distance": check.measured.value,
        "chance": check.measured.chance,
    }


def _day(day: "DayTally") -> dict[str, Any]:
    low, high = wilson(day.right, day.labelled, CONFIDENCE)
    return {
        "version": day.version,
        "day": shown_day(day.day),
        "answers": day.answers,
        "labelled": day.labelled,
        "right": day.right,
        "accuracy": day.right / day.labelled if day.labelled else None,
        "low": low,
        "high": high,
    }
