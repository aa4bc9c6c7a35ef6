"""Asking for a run of the pipeline whose model is watched, where what it finds asks for one."""

from typing import Final

from sqlalchemy import select

from pipeline.lineage.database import add_tables, reading
from pipeline.lineage.store import Lineage
from pipeline.schedule import tables
from pipeline.schedule.requests import request_run
from pipeline.schedule.states import State

_WHO: Final = "monitor "


def ask_for_run(lineage: Lineage, pipeline: str, *, run_id: str, rules: str) -> int:
    """Asks the daemons for a run; one that was asked for before and waits still is enough.

    Args:
        pipeline: its name.
        run_id: the look that found something.
        rules: which rules said no.

    Returns:
        the id of the request.
    """
    waiting = _waiting(lineage, pipeline)
    return request_run(lineage, pipeline, reason=f"{_WHO}{run_id}: {rules}") if waiting is None else waiting


def _waiting(lineage: Lineage, pipeline: str) -> int | None:
    columns = tables.trigger.c
    add_tables(lineage.engine, tables.metadata)
    with reading(lineage.engine) as connection:
        query = select(columns.id).where(
            columns.pipeline == pipeline, columns.state == State.PENDING, columns.reason.startswith(_WHO)
        )
        return connection.scalar(query.order_by(columns.id).limit(1))
