"""The schema, against what ML Metadata 1.21's client makes (read from such a store)."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, create_mock_engine, inspect

from pipeline.lineage import tables
from pipeline.lineage.indexes import index_statements
from pipeline.lineage.store import Lineage

_TIMES = "create_time_since_epoch! last_update_time_since_epoch!"
_VALUES = "int_value double_value string_value byte_value proto_value bool_value"

pytestmark = pytest.mark.filterwarnings("ignore:Could not instantiate type")  # TINYINT(1), as SQLite reflects it

# Columns in order; `!` marks one that may not be null.
COLUMNS = {
    "Type": "id! name! version type_kind! description input_type output_type external_id",
    "TypeProperty": "type_id! name! data_type",
    "ParentType": "type_id! parent_type_id!",
    "Artifact": f"id! type_id! uri state name external_id {_TIMES}",
    "Execution": f"id! type_id! last_known_state name external_id {_TIMES}",
    "Context": f"id! type_id! name! external_id {_TIMES}",
    "ArtifactProperty": f"artifact_id! name! is_custom_property! {_VALUES}",
    "ExecutionProperty": f"execution_id! name! is_custom_property! {_VALUES}",
    "ContextProperty": f"context_id! name! is_custom_property! {_VALUES}",
    "Event": "id! artifact_id! execution_id! type! milliseconds_since_epoch",
    "EventPath": "event_id! is_index_step! step_index step_key",
    "Association": "id! context_id! execution_id!",
    "Attribution": "id! context_id! artifact_id!",
    "ParentContext": "context_id! parent_context_id!",
    "MLMDEnv": "schema_version!",
}

PRIMARY_KEYS = {
    "TypeProperty": ["type_id", "name"],
    "ParentType": ["type_id", "parent_type_id"],
    "ArtifactProperty": ["artifact_id", "name", "is_custom_property"],
    "ExecutionProperty": ["execution_id", "name", "is_custom_property"],
    "ContextProperty": ["context_id", "name", "is_custom_property"],
    "ParentContext": ["context_id", "parent_context_id"],
    "MLMDEnv": ["schema_version"],
    "EventPath": [],
}  # the others': id

UNIQUE = {
    "Type": {("external_id",)},
    "Artifact": {("external_id",), ("type_id", "name")},
    "Execution": {("external_id",), ("type_id", "name")},
    "Context": {("external_id",), ("type_id", "name")},
    "Event": {("artifact_id", "execution_id", "type")},
    "Association": {("context_id", "execution_id")},
    "Attribution": {("context_id", "artifact_id")},
}

INDEXES = {
    "idx_artifact_uri": ("Artifact", ["uri"]),
    "idx_event_execution_id": ("Event", ["execution_id"]),
    "idx_eventpath_event_id": ("EventPath", ["event_id"]),
    "idx_type_name": ("Type", ["name"]),
    "idx_type_external_id": ("Type", ["external_id"]),
    "idx_parentcontext_parent_context_id": ("ParentContext", ["parent_context_id"]),
    **{
        f"idx_{node.lower()}_{column}": (node, [column])
        for node in ("Artifact", "Execution", "Context")
        for column in ("create_time_since_epoch", "last_update_time_since_epoch", "external_id")
    },
    **{
        f"idx_{node.lower()}_property_{kind}": (f"{node}Property", ["name", "is_custom_property", f"{kind}_value"])
        for node in ("Artifact", "Execution", "Context")
        for kind in ("int", "double", "string")
    },
}

TYPES = {
    "Type.id": "INTEGER",
    "Type.name": "VARCHAR(255)",
    "Type.type_kind": "TINYINT(1)",
    "Artifact.uri": "TEXT",
    "ArtifactProperty.is_custom_property": "TINYINT(1)",
    "ArtifactProperty.double_value": "DOUBLE",
    "ArtifactProperty.string_value": "TEXT",
    "ArtifactProperty.byte_value": "BLOB",
    "ArtifactProperty.bool_value": "BOOLEAN",
    "EventPath.is_index_step": "TINYINT(1)",
}


def test_tables_are_the_clients(lineage: Lineage, database: Path) -> None:
    found = inspect(create_engine(f"sqlite:///{database}"))
    assert sorted(found.get_table_names()) == sorted(COLUMNS)
    for table, columns in COLUMNS.items():
        received = " ".join(c["name"] + ("" if c["nullable"] else "!") for c in found.get_columns(table))
        assert received == columns, table


def test_keys_and_unique_constraints(lineage: Lineage, database: Path) -> None:
    found = inspect(create_engine(f"sqlite:///{database}"))
    for table in COLUMNS:
        assert found.get_pk_constraint(table)["constrained_columns"] == PRIMARY_KEYS.get(table, ["id"]), table
        unique = {tuple(constraint["column_names"]) for constraint in found.get_unique_constraints(table)}
        assert unique == UNIQUE.get(table, set()), table
        assert not found.get_foreign_keys(table)


def test_indexes(lineage: Lineage, database: Path) -> None:
    found = inspect(create_engine(f"sqlite:///{database}"))
    indexes = {
        index["name"]: (table, index["column_names"], str(index.get("dialect_options", {}).get("sqlite_where", "")))
        for table in COLUMNS
        for index in found.get_indexes(table)
    }
    expected = {
        name: (table, columns, f"{columns[2]} IS NOT NULL" if "_property_" in name else "")
        for name, (table, columns) in INDEXES.items()
    }
    assert indexes == expected


def test_column_types_and_defaults(lineage: Lineage, database: Path) -> None:
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        rows = {
            f"{table}.{row.name}": row
            for table in COLUMNS
            for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")
        }
        sequences = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'").all()
    assert {name: rows[name].type for name in TYPES} == TYPES
    assert [rows[f"{table}.create_time_since_epoch"].dflt_value for table in ("Artifact", "Execution")] == ["0", "0"]
    assert len(sequences) == 7  # ids are never used again, as with the client


def test_journal_is_write_ahead(lineage: Lineage, database: Path) -> None:
    with create_engine(f"sqlite:///{database}").connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("SELECT schema_version FROM MLMDEnv").scalar() == 10


def _statements(url: str) -> str:
    """What creating the schema would send to a server."""
    made: list[str] = []
    engine = create_mock_engine(url, lambda ddl, *_, **__: made.append(str(ddl.compile(dialect=engine.dialect))))
    tables.metadata.create_all(engine, checkfirst=False)
    return "\n".join([*made, *index_statements(engine.dialect.name).values()])


@pytest.mark.parametrize(
    ("url", "expected", "absent"),
    [
        (
            "postgresql://",
            [
                "CREATE TABLE Artifact",
                "id SERIAL NOT NULL",
                "is_custom_property BOOLEAN NOT NULL",
                "type_kind SMALLINT NOT NULL",
                "byte_value BYTEA",
                "(name, is_custom_property, left(string_value, 255)) WHERE string_value IS NOT NULL",
            ],
            ['"', "TINYINT"],
        ),
        (
            "mysql://",
            [
                "CREATE TABLE Artifact",
                "id INTEGER NOT NULL AUTO_INCREMENT",
                "is_custom_property TINYINT(1) NOT NULL",
                "string_value TEXT(16777215)",
                "proto_value BLOB(16777215)",
                "(name, is_custom_property, string_value(255))",
                "idx_artifact_uri ON Artifact (uri(255))",
            ],
            ["left(", "WHERE"],
        ),
    ],
    ids=["postgresql", "mysql"],
)
def test_servers_get_the_clients_types(url: str, expected: list[str], absent: list[str]) -> None:
    statements = _statements(url)
    assert [text for text in expected if text not in statements] == []
    assert [text for text in absent if text in statements] == []
    assert statements.count("CREATE INDEX") == len(INDEXES)
