"""Properties of artifacts, executions and contexts: one row each, its value in the column of its type.

Names between double underscores are ours; as in TFX, a component's parameters are custom properties by their own names.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, delete, select

from pipeline.lineage import tables
from pipeline.lineage.rows import insertion
from pipeline.lineage.types import DECLARED_PROPERTIES, DataType
from schemas.artifacts import Property

DIGEST = "__digest__"
"""Of an artifact: digest of its folder's contents."""
MESSAGE = "__message__"
"""Of an execution: why it failed."""
OWNER = "__owner__"
"""Of an execution and of a run: the process, see `owner.Owner`; of a run also `owner.ORCHESTRATOR`."""
INPUT = "__input__"
"""Of an execution: `__input__<name>` is the id of an artifact that is its input by another name too. The event's unique
constraint has room for one name only: a model that is both candidate and champion, say."""

STATUS, FILE, PIPELINE = "status", "file", "pipeline"
"""Of a run."""


@dataclass(frozen=True)
class PropertyTable:
    """One of the three tables of properties, and the column that says whose they are."""

    table: Table
    owner: str


ARTIFACT = PropertyTable(tables.artifact_property, "artifact_id")
EXECUTION = PropertyTable(tables.execution_property, "execution_id")
CONTEXT = PropertyTable(tables.context_property, "context_id")


def declared(type_name: str, properties: Mapping[str, Property]) -> frozenset[str]:
    """Names of the properties that the artifact type declares with just this data type."""
    types = DECLARED_PROPERTIES.get(type_name, {})
    return frozenset(name for name, value in properties.items() if types.get(name) is _data_type(value))


def write(
    connection: Connection,
    into: PropertyTable,
    owner: int,
    properties: Mapping[str, Property],
    declared: Collection[str] = (),
) -> None:
    """Sets properties, whatever they were before; those not in `declared` are custom ones."""
    if not properties:
        return
    table = into.table
    connection.execute(delete(table).where(table.c[into.owner] == owner, table.c.name.in_(list(properties))))
    for name, value in properties.items():
        values = {into.owner: owner, "name": name, "is_custom_property": name not in declared}
        connection.execute(insertion(table), {**values, _column(value): value})


def remove(connection: Connection, of: PropertyTable, owners: Iterable[int], name: str) -> None:
    """Takes a property away from those who have it."""
    columns = of.table.c
    connection.execute(delete(of.table).where(columns[of.owner].in_(list(owners)), columns.name == name))


def read(connection: Connection, of: PropertyTable, owners: Iterable[int]) -> dict[int, dict[str, Property]]:
    """The properties of each owner, declared and custom ones alike."""
    found: dict[int, dict[str, Property]] = {owner: {} for owner in owners}
    for owner, name, *values in connection.execute(_query(of), {"owners": list(found)}):
        value = next((value for value in values if value is not None), None)
        if value is not None:  # bytes, protos and booleans are not ours
            found[owner][name] = value
    return found


@cache
def _query(of: PropertyTable) -> Select[Any]:
    columns = of.table.c
    values = (columns.int_value, columns.double_value, columns.string_value)
    owner = columns[of.owner]
    return select(owner, columns.name, *values).where(owner.in_(bindparam("owners", expanding=True)))


def _data_type(value: Property) -> DataType:
    if isinstance(value, str):
        return DataType.STRING
    return DataType.INT if isinstance(value, int) else DataType.DOUBLE


def _column(value: Property) -> str:
    return f"{_data_type(value).name.lower()}_value"
