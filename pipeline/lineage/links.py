"""What ties the rows together: contexts, associations, attributions and events. All of it needs a write transaction."""

from collections.abc import Collection, Iterable, Mapping
from enum import IntEnum
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, select

from pipeline.lineage import properties, tables
from pipeline.lineage.records import StoredArtifact
from pipeline.lineage.rows import add_node, add_row, insertion, now
from pipeline.lineage.types import Kind, Type, TypeIds


class EventType(IntEnum):
    """`Event.type`."""

    INPUT = 3
    OUTPUT = 4


_CONTEXT = select(tables.context.c.id).where(
    tables.context.c.type_id == bindparam("of_type"), tables.context.c.name == bindparam("named")
)
_CONTEXTS_OF = select(tables.association.c.context_id).where(
    tables.association.c.execution_id == bindparam("execution_id")
)


def context(connection: Connection, types: TypeIds, type_name: str, name: str) -> int:
    """Id of a context, which is made when absent."""
    found = find_context(connection, types, type_name, name)
    if found is not None:
        return found
    return add_node(connection, tables.context, type_id=types[Type(Kind.CONTEXT, type_name)], name=name)


def find_context(connection: Connection, types: TypeIds, type_name: str, name: str) -> int | None:
    named = {"of_type": types[Type(Kind.CONTEXT, type_name)], "named": name}
    return connection.scalar(_CONTEXT, named)


def associate(connection: Connection, contexts: Iterable[int], execution_id: int) -> None:
    _link(connection, tables.association, "execution_id", contexts, [execution_id])


def attribute(connection: Connection, contexts: Iterable[int], artifacts: Iterable[int]) -> None:
    _link(connection, tables.attribution, "artifact_id", contexts, list(artifacts))


def contexts_of(connection: Connection, execution_id: int) -> list[int]:
    """The contexts that an execution is associated with."""
    return list(connection.scalars(_CONTEXTS_OF, {"execution_id": execution_id}))


def record_inputs(connection: Connection, execution_id: int, inputs: Mapping[str, StoredArtifact]) -> None:
    """Events of the inputs; further names of an artifact that is there already become properties."""
    names: dict[int, str] = {}
    more: dict[str, int] = {}
    for name, artifact in inputs.items():
        if names.setdefault(artifact.id, name) != name:
            more[f"{properties.INPUT}{name}"] = artifact.id
    record_events(connection, execution_id, EventType.INPUT, {name: artifact for artifact, name in names.items()})
    properties.write(connection, properties.EXECUTION, execution_id, more)


def record_events(connection: Connection, execution_id: int, kind: EventType, artifacts: Mapping[str, int]) -> None:
    """One event an artifact; its path is the name, then the index 0, as TFX writes it."""
    for name, artifact_id in artifacts.items():
        values = {"artifact_id": artifact_id, "execution_id": execution_id, "type": int(kind)}
        event_id = add_row(connection, tables.event, milliseconds_since_epoch=now(), **values)
        steps: list[dict[str, object]] = [
            {"event_id": event_id, "is_index_step": False, "step_index": None, "step_key": name},
            {"event_id": event_id, "is_index_step": True, "step_index": 0, "step_key": None},
        ]
        connection.execute(insertion(tables.event_path), steps)


@cache
def _pairs(table: Table, column: str) -> Select[Any]:
    context_id, other = table.c.context_id, table.c[column]
    within = context_id.in_(bindparam("contexts", expanding=True)) & other.in_(bindparam("others", expanding=True))
    return select(context_id, other).where(within)


def _link(connection: Connection, table: Table, column: str, contexts: Iterable[int], ids: Collection[int]) -> None:
    """Adds the pairs that are missing."""
    contexts = list(contexts)
    if not contexts or not ids:
        return
    present = connection.execute(_pairs(table, column), {"contexts": contexts, "others": list(ids)})
    wanted = {(context_id, other) for context_id in contexts for other in ids}
    missing = sorted(wanted - {(row[0], row[1]) for row in present})
    if missing:
        rows = [{"context_id": context_id, column: other} for context_id, other in missing]
        connection.execute(insertion(table), rows)
