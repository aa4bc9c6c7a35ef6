"""The indexes that databases spell differently: over long texts, and over values that are mostly absent.

They stand apart from the tables because SQLAlchemy loads a whole dialect to take its options, whichever is in use.
"""

from collections.abc import Mapping


def index_statements(dialect: str) -> Mapping[str, str]:
    """Name of each index to what makes it in `sqlite`, `postgresql`, `mysql` or `mariadb`."""
    mysql = dialect in ("mysql", "mariadb")
    uri = "uri(255)" if mysql else "uri"
    statements = {"idx_artifact_uri": f"CREATE INDEX idx_artifact_uri ON Artifact ({uri})"}
    for node in ("Artifact", "Execution", "Context"):
        for value in ("int_value", "double_value", "string_value"):
            name = f"idx_{node.lower()}_property_{value.removesuffix('_value')}"
            entry = _text_entry(value, dialect) if value == "string_value" else value
            condition = "" if mysql else f" WHERE {value} IS NOT NULL"
            on = f"{node}Property (name, is_custom_property, {entry})"
            statements[name] = f"CREATE INDEX {name} ON {on}{condition}"
    return statements


def _text_entry(column: str, dialect: str) -> str:
    """A text in an index: MySQL needs a length, PostgreSQL refuses over 2,704 bytes, and a parameter may be longer."""
    if dialect == "postgresql":
        return f"left({column}, 255)"
    return column if dialect == "sqlite" else f"{column}(255)"
