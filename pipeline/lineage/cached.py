"""Which execution to reuse: the newest complete one with the fingerprint, all of whose outputs are live."""

from sqlalchemy import Connection, bindparam, select

from pipeline.lineage import tables
from pipeline.lineage.links import EventType, find_context
from pipeline.lineage.reading import LIVE, State
from pipeline.lineage.types import EXECUTION_CACHE, NODE, TypeIds

_EXECUTION, _EVENT, _ARTIFACT = tables.execution.c, tables.event.c, tables.artifact.c
_BY_FINGERPRINT, _BY_NODE = tables.association.alias(), tables.association.alias()
_DEAD_OUTPUT = (
    select(_EVENT.id)
    .join(tables.artifact, _ARTIFACT.id == _EVENT.artifact_id)
    .where(_EVENT.execution_id == _EXECUTION.id, _EVENT.type == int(EventType.OUTPUT))
    .where(_ARTIFACT.state.is_distinct_from(LIVE))
)
_NEWEST = (
    select(_EXECUTION.id)
    .join(_BY_FINGERPRINT, _BY_FINGERPRINT.c.execution_id == _EXECUTION.id)
    .join(_BY_NODE, _BY_NODE.c.execution_id == _EXECUTION.id)
    .where(_BY_FINGERPRINT.c.context_id == bindparam("cache_id"), _BY_NODE.c.context_id == bindparam("node_id"))
    .where(_EXECUTION.last_known_state == int(State.COMPLETE), ~_DEAD_OUTPUT.exists())
    .order_by(_EXECUTION.id.desc())
    .limit(1)
)


def find_cached(connection: Connection, types: TypeIds, node: str, fingerprint: str) -> int | None:
    """Id of the execution; `node` is `<pipeline>.<node>`."""
    cache_id = find_context(connection, types, EXECUTION_CACHE, fingerprint)
    node_id = find_context(connection, types, NODE, node)
    if cache_id is None or node_id is None:
        return None
    return connection.scalar(_NEWEST, {"cache_id": cache_id, "node_id": node_id})
