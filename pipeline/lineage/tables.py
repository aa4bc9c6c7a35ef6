"""ML Metadata's relational schema, version 10, table by table.

Names, columns, constraints and indexes (some of them in `indexes`) are the client's own, so that it opens what we write
and we what it wrote. Table names are never quoted: PostgreSQL folds them to lower case, as it does with those of the
client's unquoted statements.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeEngine

SCHEMA_VERSION = 10

_MEDIUM = 2**24 - 1
"""Length at which MySQL makes a MEDIUMTEXT or MEDIUMBLOB, as the client does."""


class _TinyInt(SmallInteger):
    """TINYINT where there is one."""


class _Flag(Boolean):
    """TINYINT(1) in SQLite and MySQL, BOOLEAN in PostgreSQL."""


@compiles(_TinyInt)
def _tiny_int(element: _TinyInt, compiler: object, **options: object) -> str:
    return "TINYINT(1)"


@compiles(_TinyInt, "postgresql")
def _small_int(element: _TinyInt, compiler: object, **options: object) -> str:
    return "SMALLINT"


@compiles(_Flag, "sqlite", "mysql", "mariadb")
def _flag(element: _Flag, compiler: object, **options: object) -> str:
    return "TINYINT(1)"


metadata = MetaData()


def _medium(of: type[Text] | type[LargeBinary]) -> TypeEngine:
    return of().with_variant(of(_MEDIUM), "mysql", "mariadb")


def _key() -> Column:
    return Column("id", Integer, primary_key=True, autoincrement=True)


def _external_id() -> Column:
    return Column("external_id", String(255), unique=True)


def _times() -> tuple[Column, Column]:
    """Milliseconds since the epoch."""
    return (
        Column("create_time_since_epoch", BigInteger, nullable=False, server_default=text("0")),
        Column("last_update_time_since_epoch", BigInteger, nullable=False, server_default=text("0")),
    )


def _table(name: str, *items: Column | UniqueConstraint) -> Table:
    autoincrement = any(isinstance(item, Column) and item.name == "id" for item in items)
    return Table(name, metadata, *items, quote=False, sqlite_autoincrement=autoincrement)


def _node(name: str, *items: Column) -> Table:
    """Artifact, Execution or Context: what has a type, properties and times."""
    table = _table(
        name,
        _key(),
        Column("type_id", Integer, nullable=False),
        *items,
        _external_id(),
        *_times(),
        UniqueConstraint("type_id", "name"),
    )
    for column in ("create_time_since_epoch", "last_update_time_since_epoch", "external_id"):
        Index(f"idx_{name.lower()}_{column}", table.c[column])
    return table


def _properties(of: str) -> Table:
    """The properties of artifacts, executions or contexts, one value column a type."""
    return _table(
        f"{of.capitalize()}Property",
        Column(f"{of}_id", Integer, primary_key=True, autoincrement=False),
        Column("name", String(255), primary_key=True),
        Column("is_custom_property", _Flag, primary_key=True),
        Column("int_value", BigInteger),
        Column("double_value", Double),
        Column("string_value", _medium(Text)),
        Column("byte_value", _medium(LargeBinary)),
        Column("proto_value", _medium(LargeBinary)),
        Column("bool_value", Boolean),
    )


type_ = _table(
    "Type",
    _key(),
    Column("name", String(255), nullable=False),
    Column("version", String(255)),
    Column("type_kind", _TinyInt, nullable=False),
    Column("description", Text),
    Column("input_type", Text),
    Column("output_type", Text),
    _external_id(),
)
Index("idx_type_name", type_.c.name)
Index("idx_type_external_id", type_.c.external_id)

type_property = _table(
    "TypeProperty",
    Column("type_id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(255), primary_key=True),
    Column("data_type", Integer),
)

parent_type = _table(
    "ParentType",
    Column("type_id", Integer, primary_key=True, autoincrement=False),
    Column("parent_type_id", Integer, primary_key=True, autoincrement=False),
)

artifact = _node("Artifact", Column("uri", Text), Column("state", Integer), Column("name", String(255)))
artifact_property = _properties("artifact")

execution = _node("Execution", Column("last_known_state", Integer), Column("name", String(255)))
execution_property = _properties("execution")

context = _node("Context", Column("name", String(255), nullable=False))
context_property = _properties("context")

event = _table(
    "Event",
    _key(),
    Column("artifact_id", Integer, nullable=False),
    Column("execution_id", Integer, nullable=False),
    Column("type", Integer, nullable=False),
    Column("milliseconds_since_epoch", BigInteger),
    UniqueConstraint("artifact_id", "execution_id", "type"),
)
Index("idx_event_execution_id", event.c.execution_id)

event_path = _table(
    "EventPath",
    Column("event_id", Integer, nullable=False),
    Column("is_index_step", _Flag, nullable=False),
    Column("step_index", Integer),
    Column("step_key", Text),
)
Index("idx_eventpath_event_id", event_path.c.event_id)

association = _table(
    "Association",
    _key(),
    Column("context_id", Integer, nullable=False),
    Column("execution_id", Integer, nullable=False),
    UniqueConstraint("context_id", "execution_id"),
)

attribution = _table(
    "Attribution",
    _key(),
    Column("context_id", Integer, nullable=False),
    Column("artifact_id", Integer, nullable=False),
    UniqueConstraint("context_id", "artifact_id"),
)

parent_context = _table(
    "ParentContext",
    Column("context_id", Integer, primary_key=True, autoincrement=False),
    Column("parent_context_id", Integer, primary_key=True, autoincrement=False),
)
Index("idx_parentcontext_parent_context_id", parent_context.c.parent_context_id)

environment = _table("MLMDEnv", Column("schema_version", Integer, primary_key=True, autoincrement=False))
