"""What looks for drift: a schedule of its own, and a request where a rule says no."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.lineage.database import reading
from pipeline.schedule import tables
from pipeline.schedule.child import Report
from pipeline.schedule.drift_file import DriftFile
from pipeline.schedule.pipeline_file import PipelineFile
from pipeline.schedule.start import workers_for
from pipeline.schedule.states import Outcome
from pipeline.schedule.triggers import Trigger
from schemas.errors import ConfigError

PIPELINE = """\
name: news
data: {format: csv, splits: {train: a.csv}, features: {text: text}, label: topic}
model: {family: linear}
monitoring: {logs: "requests/*"}
schedule: {cron: "0 3 * * *", on_drift: 1h}
"""
TRIGGER = Trigger(7, "news/monitor", "every", 0, "")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "news.yaml"
    found.write_text(PIPELINE)
    return found


class Known:
    """Stands for a database that is there."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine


def requests(engine: Any) -> list[tuple[str, str, str, str]]:
    with reading(engine) as connection:
        rows = connection.execute(select(tables.trigger)).all()
    return [(row.pipeline, row.kind, row.reason, row.state) for row in rows]


def test_it_goes_by_its_own_hours_and_follows_the_file(path: Path) -> None:
    file = PipelineFile(path)
    drift = DriftFile(file)
    assert (drift.name, drift.schedule.every, drift.schedule.cron) == ("news/monitor", "1h", None)
    path.write_text(PIPELINE.replace("1h", "30m"))
    assert not drift.refresh()
    assert file.refresh() and drift.refresh()
    assert drift.schedule.every == "30m"


def test_a_rule_that_says_no_asks_for_one_run_however_often_it_is_told(path: Path, engine: Any) -> None:
    drift = DriftFile(PipelineFile(path))
    report = Report(Outcome.REFUSED, "skew_js, prediction_linf", {"run_id": "m1", "requested_run": None})
    for _ in range(2):
        drift.request(Known(engine), TRIGGER, report)  # type: ignore[arg-type]
    assert requests(engine) == [("news", "drift", "monitor m1: skew_js, prediction_linf", "pending")]


@pytest.mark.parametrize(
    "report",
    [
        Report(Outcome.SUCCEEDED, "", {"run_id": "m1", "requested_run": None}),
        Report(Outcome.FAILED, "no model", {}),
        Report(Outcome.REFUSED, "skew_js", {"run_id": "m1", "requested_run": 12}),
    ],
)
def test_nothing_is_asked_for_otherwise(path: Path, engine: Any, report: Report) -> None:
    DriftFile(PipelineFile(path)).request(Known(engine), TRIGGER, report)  # type: ignore[arg-type]
    assert requests(engine) == []


def test_a_daemon_has_a_worker_for_it(path: Path) -> None:
    assert len(workers_for([path])) == 2
    path.write_text(PIPELINE.replace(", on_drift: 1h", ""))
    assert len(workers_for([path])) == 1


def test_a_file_that_does_not_say_what_to_look_at(path: Path) -> None:
    path.write_text(PIPELINE.replace('monitoring: {logs: "requests/*"}\n', ""))
    with pytest.raises(ConfigError, match=r"news\.yaml:4: `schedule\.on_drift` needs a section `monitoring`"):
        PipelineFile(path)
