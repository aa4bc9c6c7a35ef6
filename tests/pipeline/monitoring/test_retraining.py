"""A run is asked for once, until somebody takes it up."""

from contextlib import closing
from pathlib import Path

from sqlalchemy import select, update

from pipeline.lineage.database import reading, writing
from pipeline.lineage.store import Lineage
from pipeline.monitoring.retraining import ask_for_run
from pipeline.schedule import tables
from pipeline.schedule.requests import request_run
from pipeline.schedule.states import State


def test_one_that_waits_is_enough(tmp_path: Path) -> None:
    trigger = tables.trigger
    with closing(Lineage(tmp_path / "metadata.sqlite")) as lineage:
        first = ask_for_run(lineage, "tickets", run_id="r1", rules="skew_js")
        assert ask_for_run(lineage, "tickets", run_id="r2", rules="skew_js") == first
        other = ask_for_run(lineage, "weather", run_id="r3", rules="skew_js")
        assert request_run(lineage, "tickets", reason="by hand") not in (first, other)
        with writing(lineage.engine) as connection:
            connection.execute(update(trigger).where(trigger.c.id == first).values(state=State.ENDED))
        again = ask_for_run(lineage, "tickets", run_id="r4", rules="skew_js, live_accuracy")
        with reading(lineage.engine) as connection:
            reasons = {row.id: row.reason for row in connection.execute(select(trigger.c.id, trigger.c.reason))}
    assert again not in (first, other)
    assert reasons[again] == "monitor r4: skew_js, live_accuracy"
