"""Which execution to reuse: the newest complete one with the fingerprint, all of whose outputs are live."""

from sqlalchemy import Connection, select

from pipeline.lineage import tables
from pipeline.lineage.links import EventType, find_context
from pipeline.lineage.reading import LIVE, State
from pipeline.lineage.types import EXECUTION_CACHE, NODE, TypeIds


def find_cached(connection: Connection, types: TypeIds, node: str, fingerprint: str) -> int | None:
    """Id of the execution; `node` is `<pipeline>.<node>`."""
    cache_id = find_context(connection, types, EXECUTION_CACHE, fingerprint)
    node_id = find_context(connection, types, NODE, node)
    if cache_id is None or node_id is None:
        return None
    execution, event, artifact = tables.execution.c, tables.event.c, tables.artifact.c
    by_fingerprint, by_node = tables.association.alias(), tables.association.alias()
    dead_output = (
        select(event.id)
        .join(tables.artifact, artifact.id == event.artifact_id)
        .where(event.execution_id == execution.id, event.type == int(EventType.OUTPUT))
        .where(artifact.state.is_distinct_from(LIVE))
    )
    return connection.scalar(
        select(execution.id)
        .join(by_fingerprint, by_fingerprint.c.execution_id == execution.id)
        .join(by_node, by_node.c.execution_id == execution.id)
        .where(by_fingerprint.c.context_id == cache_id, by_node.c.context_id == node_id)
        .where(execution.last_known_state == int(State.COMPLETE), ~dead_output.exists())
        .order_by(execution.id.desc())
        .limit(1)
    )
