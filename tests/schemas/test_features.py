"""Feature specifications: files, domains, types."""

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.errors import ConfigError
from schemas.features import (
    check_label,
    classes,
    columns,
    find_feature,
    is_text,
    load_schema,
    schema_text,
    string_domain,
)
from schemas.files import write_atomically

TEXT = """
feature { name: "label" type: BYTES domain: "topics" }
feature { name: "text" type: BYTES natural_language_domain {} }
feature { name: "score" type: FLOAT }
feature { name: "n" type: INT }
string_domain { name: "topics" value: "b" value: "a" value: "\u4e2d" }
"""


@pytest.fixture
def schema() -> schema_pb2.Schema:
    return text_format.Parse(TEXT, schema_pb2.Schema())


def test_what_a_schema_says(schema: schema_pb2.Schema) -> None:
    label, text = schema.feature[:2]
    assert string_domain(schema, label) == ("b", "a", "中")
    assert string_domain(schema, text) is None
    assert classes(schema, "label") == ("a", "b", "中")
    assert (is_text(text), is_text(label)) == (True, False)
    assert columns(schema) == {"label": "BYTES", "text": "BYTES", "score": "FLOAT", "n": "INT"}
    assert find_feature(schema, "nothing") is None


def test_a_schema_is_read_as_it_was_written(schema: schema_pb2.Schema, tmp_path: Path) -> None:
    write_atomically(schema_text(schema).encode(), tmp_path / "a" / "schema.pbtxt")
    assert load_schema(tmp_path / "a" / "schema.pbtxt") == schema
    assert "中" in (tmp_path / "a" / "schema.pbtxt").read_text(encoding="utf-8")


def test_classes_need_a_domain(schema: schema_pb2.Schema) -> None:
    with pytest.raises(ConfigError, match="must give the label `text` a string domain"):
        classes(schema, "text")
    check_label(schema, "label", "classification", "here")
    check_label(schema, "score", "regression", "here")


def test_a_file_too_large_to_be_a_schema(tmp_path: Path) -> None:
    path = tmp_path / "schema.pbtxt"
    with path.open("wb") as file:
        file.truncate(65 << 20)
    with pytest.raises(ConfigError, match="must be smaller than 64 MiB"):
        load_schema(path)
