import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import pipeline
from models.registry import FAMILIES
from pipeline.editor_schema import editor_schema

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
SHIPPED = sorted(Path(pipeline.__file__).parent.glob("recipes/*.yaml")) + sorted(
    Path(pipeline.__file__).parent.glob("templates/*/pipeline.yaml")
)


def errors(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str = "$") -> list[str]:  # noqa: PLR0911
    """What a value breaks, by the keywords of JSON Schema that the schema uses."""
    if "$ref" in schema:
        return errors(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, at)
    if "anyOf" in schema:
        tried = [errors(value, option, root, at) for option in schema["anyOf"]]
        return [] if [] in tried else min(tried, key=len)
    if "const" in schema and value != schema["const"]:
        return [f"{at}: {value!r} is not {schema['const']!r}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at}: {value!r} is none of {schema['enum']}"]
    if "type" in schema and not isinstance(value, _TYPES[schema["type"]]):
        return [f"{at}: {value!r} is no {schema['type']}"]
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        return [f"{at}: {value!r} does not match {schema['pattern']}"]
    if isinstance(value, int | float) and value < schema.get("minimum", value):
        return [f"{at}: {value} is below {schema['minimum']}"]
    if "allOf" in schema:
        rest = {key: value for key, value in schema.items() if key != "allOf"}
        return [e for part in (*schema["allOf"], rest) for e in errors(value, part, root, at)]
    if "if" in schema and errors(value, schema["if"], root, at):
        rest = {key: value for key, value in schema.items() if key != "if"}
        return errors(value, rest, root, at) + errors(value, schema["else"], root, at)
    if isinstance(value, list):
        return [e for i, v in enumerate(value) for e in errors(v, schema.get("items", {}), root, f"{at}[{i}]")]
    return _object_errors(value, schema, root, at) if isinstance(value, dict) else []


def _object_errors(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], at: str) -> list[str]:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    found = [f"{at}: {name} is missing" for name in schema.get("required", []) if name not in value]
    for name, item in value.items():
        if name in properties:
            found += errors(item, properties[name], root, f"{at}.{name}")
        elif others is False:
            found.append(f"{at}: {name} is unknown")
        elif isinstance(others, dict):
            found += errors(item, others, root, f"{at}.{name}")
    return found


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return editor_schema()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_files_are_valid(schema: dict[str, Any], path: Path) -> None:
    assert errors(yaml.safe_load(path.read_text(encoding="utf-8")), schema, schema) == []


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"nam": "x"}, "$: nam is unknown"),
        ({"training": {"epoch": 1}}, "$.training: epoch is unknown"),
        ({"training": {"epochs": 0}}, "$.training.epochs: 0 is below 1"),
        ({"model": {"family": "linear", "unit": 1}}, "$.model: unit is unknown"),
        (
            {"task": "x"},
            "$.task: 'x' is none of ['classification', 'multi-label', 'localization', 'regression', 'pretraining']",
        ),
        ({"data": {"format": "csv"}}, "$.data: splits is missing"),
        ({"data": {"format": "csv", "splits": {"train": "a"}}}, "$.data: label is missing"),
        ({"data": {"format": "csv", "spans": {"window": 7}}}, "$.data: splits is missing"),
        ({"data": {"format": "csv", "spans": {"window": "7"}}}, "$.data.spans.window: '7' is no integer"),
        ({"task": "pretraining", "data": {"format": "csv", "splits": {}}}, "$.data: features is missing"),
        ({"push": {}}, "$.push: directory is missing"),
    ],
)
def test_mistakes_are_seen(schema: dict[str, Any], change: dict[str, Any], error: str) -> None:
    recipe = yaml.safe_load(SHIPPED[0].read_text(encoding="utf-8"))
    assert error in errors({**recipe, **change}, schema, schema)


def test_empty_sections_and_one_s_own_family_are_valid(schema: dict[str, Any]) -> None:
    recipe = yaml.safe_load(SHIPPED[0].read_text(encoding="utf-8"))
    changed = {**recipe, "push": None, "training": None, "model": {"family": "mine.family:Mine", "anything": 1}}
    assert errors(changed, schema, schema) == []


def test_a_pattern_of_spans_stands_in_place_of_splits(schema: dict[str, Any]) -> None:
    recipe = yaml.safe_load(SHIPPED[0].read_text(encoding="utf-8"))
    data = {"format": "csv", "spans": "data/{SPAN}.csv", "features": {"text": "text"}, "label": "label"}
    assert errors({**recipe, "data": data}, schema, schema) == []


def test_every_family_is_an_option(schema: dict[str, Any]) -> None:
    options = schema["properties"]["model"]["anyOf"]
    names = [option["properties"]["family"].get("const") for option in options]
    assert names == [*(name for names in FAMILIES.values() for name in names), None]
    assert all(option["additionalProperties"] is False for option in options[:-1])


def test_docstrings_are_descriptions(schema: dict[str, Any]) -> None:
    definitions = schema["$defs"]
    assert definitions["DataConfig"]["properties"]["label"]["description"].startswith("The column to predict")
    training = definitions["TrainingConfig"]["properties"]
    assert training["batch_size"]["description"] == "Examples a step, over all replicas."
    assert definitions["HoldoutConfig"]["properties"]["from"]["description"] == "Split that is cut."
    assert schema["properties"]["training"]["description"].startswith("Fields of TrainingConfig")


def test_every_reference_is_defined(schema: dict[str, Any]) -> None:
    names = set(re.findall(r"#/\$defs/([^'\"]+)", str(schema)))
    assert names and names <= set(schema["$defs"])
