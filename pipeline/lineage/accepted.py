"""What a gate last let pass: yesterday's statistics, say, to hold today's against."""

from sqlalchemy import Connection, func, select

from pipeline.lineage import tables
from pipeline.lineage.blessed import same_artifact
from pipeline.lineage.links import EventType, find_context
from pipeline.lineage.reading import State, read_artifacts
from pipeline.lineage.records import StoredArtifact
from pipeline.lineage.types import NODE, TypeIds

ACCEPTED = "accepted"
"""Property of the output that holds a gate's verdict: 1 or 0."""


def latest_accepted(
    connection: Connection, types: TypeIds, node: str, name: str, other_than: StoredArtifact
) -> StoredArtifact | None:
    """The input `name` of the newest execution of a gate that let it pass, from cache or not, whether its files are
    there or not, and is not `other_than`; `node` is `<pipeline>.<node>`."""
    node_id = find_context(connection, types, NODE, node)
    if node_id is None:
        return None
    for artifact_id in _passed(connection, node_id, name):
        artifact = read_artifacts(connection, [artifact_id])[artifact_id]
        if not same_artifact(artifact, other_than):
            return artifact
    return None


def _passed(connection: Connection, node_id: int, name: str) -> list[int]:
    """Ids of what passed, each once, newest execution first."""
    execution, association, said = tables.execution.c, tables.association.c, tables.artifact_property.c
    verdict, given, path = tables.event.alias(), tables.event.alias(), tables.event_path.c
    newest = func.max(execution.id)
    query = (
        select(given.c.artifact_id)
        .select_from(tables.execution)
        .join(tables.association, association.execution_id == execution.id)
        .join(verdict, (verdict.c.execution_id == execution.id) & (verdict.c.type == int(EventType.OUTPUT)))
        .join(tables.artifact_property, said.artifact_id == verdict.c.artifact_id)
        .join(given, (given.c.execution_id == execution.id) & (given.c.type == int(EventType.INPUT)))
        .join(tables.event_path, (path.event_id == given.c.id) & (path.step_key == name))
        .where(association.context_id == node_id)
        .where(execution.last_known_state.in_([int(State.COMPLETE), int(State.CACHED)]))
        .where(said.name == ACCEPTED, said.int_value == 1)
        .group_by(given.c.artifact_id)
        .order_by(newest.desc())
    )
    return list(connection.scalars(query))
