"""What killed processes left running."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from pipeline.lineage import properties, tables
from pipeline.lineage.executions import end_execution, end_run
from pipeline.lineage.links import find_context
from pipeline.lineage.owner import Owner
from pipeline.lineage.reading import State
from pipeline.lineage.types import PIPELINE, TypeIds

_MESSAGE = "The process that ran it ended without a word: it was killed, or the machine went down."


def abandon_running(connection: Connection, types: TypeIds, pipeline: str, *, alone: bool) -> list[int]:
    """Ends as failed the runs and executions whose process has ended; returns the executions' ids.

    Args:
        alone: no other process can be running this pipeline. Without it, a process counts as ended only when this
            machine is sure of it.
    """
    executions = _orphans(connection, properties.EXECUTION, _executions(connection, types, pipeline), alone)
    for execution_id in executions:
        end_execution(connection, execution_id, State.FAILED, _MESSAGE)
    for context_id in _orphans(connection, properties.CONTEXT, _runs(connection, pipeline), alone):
        end_run(connection, context_id, "failed")
    return executions


def _orphans(connection: Connection, of: properties.PropertyTable, running: Iterable[int], alone: bool) -> list[int]:
    said = properties.read(connection, of, running)
    owners = {key: Owner.parse(str(named.get(properties.OWNER, ""))) for key, named in said.items()}
    return sorted(key for key, owner in owners.items() if alone or (owner is not None and owner.is_gone()))


def _executions(connection: Connection, types: TypeIds, pipeline: str) -> Iterable[int]:
    execution, association = tables.execution.c, tables.association.c
    return connection.scalars(
        select(execution.id)
        .join(tables.association, association.execution_id == execution.id)
        .where(association.context_id == find_context(connection, types, PIPELINE, pipeline))
        .where(execution.last_known_state == int(State.RUNNING))
    )


def _runs(connection: Connection, pipeline: str) -> Iterable[int]:
    """Ids of the contexts of runs."""
    status, of = tables.context_property.alias(), tables.context_property.alias()
    return connection.scalars(
        select(status.c.context_id)
        .join(of, of.c.context_id == status.c.context_id)
        .where(status.c.name == properties.STATUS, status.c.string_value == "running")
        .where(of.c.name == properties.PIPELINE, of.c.string_value == pipeline)
    )
