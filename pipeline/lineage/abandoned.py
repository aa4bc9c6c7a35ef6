"""What killed processes left running."""

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import Connection, func, select

from pipeline.lineage import properties, tables
from pipeline.lineage.executions import end_execution, end_run
from pipeline.lineage.links import find_context
from pipeline.lineage.owner import ORCHESTRATOR, Owner
from pipeline.lineage.reading import State
from pipeline.lineage.rows import now
from pipeline.lineage.types import PIPELINE, TypeIds

_MESSAGE = "The process that ran it ended without a word: it was killed, or the machine went down."
_IDLE: Final = 2 * 86_400_000
"""Milliseconds without a step after which an orchestrator is taken to have given a run up. A step that comes after all
makes it running again."""


def abandon_running(connection: Connection, types: TypeIds, pipeline: str, *, alone: bool) -> list[int]:
    """Ends as failed the runs and executions whose process has ended; returns the executions' ids.

    Args:
        alone: no other process can be running this pipeline. Without it, a process counts as ended only when this
            machine is sure of it.
    """
    running = _executions(connection, find_context(connection, types, PIPELINE, pipeline))
    executions = _orphans(connection, properties.EXECUTION, running, alone)
    _end(connection, executions)
    orphans = _orphans(connection, properties.CONTEXT, _runs(connection, pipeline), alone)
    for context_id in (*orphans, *_interrupted(connection, pipeline, executions)):
        end_run(connection, context_id, "failed")
    return executions


def abandon_attempts(connection: Connection, run: int) -> None:
    """Ends as failed what is said to be running in a run that nobody is at work on, given the id of its context."""
    _end(connection, list(_executions(connection, run)))


def _end(connection: Connection, executions: Iterable[int]) -> None:
    for execution_id in executions:
        end_execution(connection, execution_id, State.FAILED, _MESSAGE)


def _orphans(connection: Connection, of: properties.PropertyTable, running: Iterable[int], alone: bool) -> list[int]:
    said = properties.read(connection, of, running)
    owners = {key: str(named.get(properties.OWNER, "")) for key, named in said.items()}
    return sorted(key for key, owner in owners.items() if owner != ORCHESTRATOR and (alone or _is_gone(owner)))


def _is_gone(owner: str) -> bool:
    process = Owner.parse(owner)
    return process is not None and process.is_gone()


def _interrupted(connection: Connection, pipeline: str, executions: Collection[int]) -> Iterable[int]:
    """Runs of an orchestrator, which go on between two steps, of which a step was found abandoned or long awaited."""
    owners = properties.read(connection, properties.CONTEXT, _runs(connection, pipeline))
    open_runs = [key for key, said in owners.items() if said.get(properties.OWNER) == ORCHESTRATOR]
    if not open_runs:
        return []
    execution, association = tables.execution.c, tables.association.c
    last_seen = (
        select(association.context_id, func.max(execution.last_update_time_since_epoch))
        .join(tables.execution, execution.id == association.execution_id)
        .where(association.context_id.in_(open_runs))
        .group_by(association.context_id)
    )
    at_work = select(association.context_id).join(tables.execution, execution.id == association.execution_id)
    at_work = at_work.where(association.context_id.in_(open_runs), execution.last_known_state == int(State.RUNNING))
    idle = {key for key, seen in connection.execute(last_seen) if now() - seen > _IDLE}
    stopped = select(association.context_id).where(association.execution_id.in_(list(executions)))
    return sorted((idle - set(connection.scalars(at_work))) | (set(connection.scalars(stopped)) & set(open_runs)))


def _executions(connection: Connection, context_id: int | None) -> Iterable[int]:
    """Ids of the running executions of a pipeline or a run."""
    execution, association = tables.execution.c, tables.association.c
    return connection.scalars(
        select(execution.id)
        .join(tables.association, association.execution_id == execution.id)
        .where(association.context_id == context_id)
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
