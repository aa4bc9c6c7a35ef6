"""The types of ML Metadata and TFX: which there are, whose children they are, what properties they declare."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from sqlalchemy import Connection, insert, select

from pipeline.lineage import tables
from pipeline.lineage.rows import add_row
from schemas.artifacts import ARTIFACT_TYPES


class Kind(IntEnum):
    """`Type.type_kind`."""

    EXECUTION = 0
    ARTIFACT = 1
    CONTEXT = 2


class DataType(IntEnum):
    """`TypeProperty.data_type`."""

    INT = 1
    DOUBLE = 2
    STRING = 3


PIPELINE, PIPELINE_RUN, NODE, EXECUTION_CACHE = "pipeline", "pipeline_run", "node", "execution_cache"
CONTEXT_TYPES = (PIPELINE, PIPELINE_RUN, NODE, EXECUTION_CACHE)

SIMPLE_TYPES: Mapping[Kind, tuple[str, ...]] = {
    Kind.ARTIFACT: ("mlmd.Dataset", "mlmd.Model", "mlmd.Metrics", "mlmd.Statistics"),
    Kind.EXECUTION: ("mlmd.Train", "mlmd.Transform", "mlmd.Process", "mlmd.Evaluate", "mlmd.Deploy"),
}
"""What every store of the client holds; ours are their children."""

_SPANNED: Mapping[str, DataType] = {"span": DataType.INT, "split_names": DataType.STRING}
DECLARED_PROPERTIES: Mapping[str, Mapping[str, DataType]] = {
    "Examples": {**_SPANNED, "version": DataType.INT},
    "ExampleStatistics": _SPANNED,
    "ExampleAnomalies": _SPANNED,
}
"""Properties that TFX declares on artifact types; every other one is a custom property."""

_COMPONENT_PARENTS: Mapping[str, str] = {
    "Trainer": "mlmd.Train",
    "Transform": "mlmd.Transform",
    "StatisticsGen": "mlmd.Process",
    "SchemaGen": "mlmd.Process",
    "Evaluator": "mlmd.Evaluate",
    "Pusher": "mlmd.Deploy",
    "Promotion": "mlmd.Deploy",
    "Rollback": "mlmd.Deploy",
}
_ARTIFACT_PARENTS: Mapping[str, str] = {t.type_name(): t.BASE_TYPE for t in ARTIFACT_TYPES if t.BASE_TYPE}


@dataclass(frozen=True)
class Type:
    """A type by what the client knows it by; all of ours are without a version."""

    kind: Kind
    name: str

    @property
    def parent(self) -> "Type | None":
        """The simple type that this one is a child of."""
        parents = {Kind.ARTIFACT: _ARTIFACT_PARENTS, Kind.EXECUTION: _COMPONENT_PARENTS}.get(self.kind, {})
        return Type(self.kind, parents[self.name]) if self.name in parents else None

    @property
    def properties(self) -> Mapping[str, DataType]:
        return DECLARED_PROPERTIES.get(self.name, {}) if self.kind is Kind.ARTIFACT else {}


KNOWN_TYPES: tuple[Type, ...] = (
    *(Type(kind, name) for kind, names in SIMPLE_TYPES.items() for name in names),
    *(Type(Kind.ARTIFACT, t.type_name()) for t in ARTIFACT_TYPES),
    *(Type(Kind.CONTEXT, name) for name in CONTEXT_TYPES),
)
"""Types that every store of ours holds, parents first. Those of executions are added as components run."""


TypeIds = Mapping[Type, int]
"""Ids of types, as read when the database was opened."""


def type_id(connection: Connection, types: TypeIds, wanted: Type) -> int:
    """Id of a type, which is added when absent. Needs a write transaction."""
    return types[wanted] if wanted in types else add_types(connection, [wanted])[wanted]


def read_types(connection: Connection) -> dict[Type, int]:
    """Every type without a version, with its id; the oldest where several have one name."""
    columns = (tables.type_.c.id, tables.type_.c.type_kind, tables.type_.c.name)
    rows = connection.execute(select(*columns).where(tables.type_.c.version.is_(None)).order_by(columns[0].desc()))
    return {Type(Kind(row.type_kind), row.name): row.id for row in rows}


def add_types(connection: Connection, types: Iterable[Type]) -> dict[Type, int]:
    """Adds the types that are missing; returns every type with its id. Needs a write transaction."""
    ids = read_types(connection)
    for wanted in types:
        if wanted not in ids:
            ids[wanted] = _add(connection, wanted, ids)
    return ids


def _add(connection: Connection, wanted: Type, ids: TypeIds) -> int:
    added = add_row(connection, tables.type_, name=wanted.name, type_kind=int(wanted.kind))
    for name, data_type in wanted.properties.items():
        values = {"type_id": added, "name": name, "data_type": int(data_type)}
        connection.execute(insert(tables.type_property).values(values))
    if wanted.parent:
        values = {"type_id": added, "parent_type_id": ids[wanted.parent]}
        connection.execute(insert(tables.parent_type).values(values))
    return added
