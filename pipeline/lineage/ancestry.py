"""What an artifact was made from, and what was made from it: a walk over executions, a generation at a time."""

from collections.abc import Iterable

from sqlalchemy import Connection, func, select

from pipeline.lineage import tables
from pipeline.lineage.blessed import same_artifact
from pipeline.lineage.links import EventType
from pipeline.lineage.reading import State, read_executions
from pipeline.lineage.records import Relative, StoredArtifact

_FINISHED = (int(State.COMPLETE), int(State.CACHED))


def producers(connection: Connection, artifacts: Iterable[int]) -> list[int]:
    """The executions that made the artifacts: the first of those that have them as output (the others took them
    from cache)."""
    event = tables.event.c
    query = (
        select(func.min(event.execution_id))
        .where(event.type == int(EventType.OUTPUT), event.artifact_id.in_(list(artifacts)))
        .group_by(event.artifact_id)
    )
    return list(connection.scalars(query))


def ancestors(connection: Connection, artifact_id: int) -> list[Relative]:
    """Nearest first, each once."""
    return _walk(connection, artifact_id, up=True)


def made_of(connection: Connection, artifact_id: int, other: StoredArtifact) -> bool:
    """Whether an artifact was made from another one, by id, uri or digest."""
    return any(same_artifact(relative.artifact, other) for relative in ancestors(connection, artifact_id))


def descendants(connection: Connection, artifact_id: int) -> list[Relative]:
    """Nearest first, each once."""
    return _walk(connection, artifact_id, up=False)


def _walk(connection: Connection, artifact_id: int, *, up: bool) -> list[Relative]:
    found: list[Relative] = []
    seen, generation = {artifact_id}, [artifact_id]
    while generation:
        relatives = _next(connection, generation, up, depth=found[-1].depth + 1 if found else 1)
        fresh = {r.artifact.id: r for r in relatives if r.artifact.id not in seen}
        found += fresh.values()
        seen |= fresh.keys()
        generation = list(fresh)
    return found


def _next(connection: Connection, generation: list[int], up: bool, depth: int) -> list[Relative]:
    executions = producers(connection, generation) if up else _consumers(connection, generation)
    return [
        Relative(artifact, execution, role, depth)
        for execution in read_executions(connection, executions)
        for role, artifact in (execution.inputs if up else execution.outputs).items()
    ]


def _consumers(connection: Connection, artifacts: list[int]) -> list[int]:
    event, execution = tables.event.c, tables.execution.c
    query = (
        select(event.execution_id)
        .join(tables.execution, execution.id == event.execution_id)
        .where(event.type == int(EventType.INPUT), event.artifact_id.in_(artifacts))
        .where(execution.last_known_state.in_(_FINISHED))
        .distinct()
    )
    return list(connection.scalars(query))
