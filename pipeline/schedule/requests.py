"""Asking for a run that no clock asks for: by hand, or because something was found."""

import uuid
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, insert, select

from pipeline.lineage.database import add_tables, writing
from pipeline.lineage.store import Lineage
from pipeline.schedule import tables
from pipeline.schedule.clock import milliseconds
from pipeline.schedule.states import State


def request_run(lineage: Lineage, pipeline: str, *, reason: str) -> int:
    """Asks the daemons on a lineage to run a pipeline once, as soon as it is at rest; whether or not one is there.

    Args:
        pipeline: its name.
        reason: why, for people.

    Returns:
        the id of the request, which `trainworks schedule --status` shows.

    Raises:
        TrainworksError: the database cannot be written to.
    """
    return request(lineage.engine, pipeline, reason=reason)


def request(engine: Engine, pipeline: str, *, reason: str, kind: str = "request") -> int:
    """As `request_run`, for whoever has the database."""
    add_tables(engine, tables.metadata)
    with writing(engine) as connection:
        return add_pending(connection, pipeline, kind=kind, key=uuid.uuid4().hex, due=datetime.now(UTC), reason=reason)


def request_once(engine: Engine, pipeline: str, *, kind: str, key: str, reason: str) -> None:
    """A request that may be made again and again, and is one all the same, by its key."""
    columns = tables.trigger.c
    same = (columns.pipeline == pipeline, columns.kind == kind, columns.unique_key == key)
    with writing(engine) as connection:
        if connection.scalar(select(columns.id).where(*same)) is None:
            add_pending(connection, pipeline, kind=kind, key=key, due=datetime.now(UTC), reason=reason)


def add_pending(connection: Connection, pipeline: str, *, kind: str, key: str, due: datetime, reason: str) -> int:
    """Adds a trigger that waits; returns its id."""
    row = insert(tables.trigger).values(
        pipeline=pipeline,
        kind=kind,
        unique_key=key,
        due=milliseconds(due),
        reason=reason,
        state=State.PENDING,
        starts=0,
    )
    added = connection.execute(row).inserted_primary_key
    assert added is not None
    return int(added[0])
