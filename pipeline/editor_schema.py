"""The pipeline file's JSON Schema, for editors: completion, descriptions and checks while typing.

Made of the same pydantic models that read the file; the docstrings below their fields become descriptions.
https://json-schema.org/draft/2020-12
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from models.registry import FAMILIES, family_class
from schemas.config import DataConfig, PipelineConfig, TrainingConfig
from schemas.field_docs import field_docs, fields_of, inner_models

Json = dict[str, Any]  # JSON's own objects

_OWN_FAMILY: Final[Json] = {
    "type": "object",
    "title": "One's own family",
    "description": "A family by its import path, `package.module:Class`; its settings are its own.",
    "properties": {"family": {"type": "string", "pattern": ":"}},
    "required": ["family"],
}

_FOLDER: Final[Json] = {"properties": {"format": {"const": "image-folder"}}}

_LABELLED: Final[Json] = {
    "if": {"properties": {"task": {"const": "pretraining"}}, "required": ["task"]},
    "else": {"properties": {"data": {"if": _FOLDER, "else": {"required": ["label"]}}}},
}
"""Every task but one needs a label, which a folder of pictures has by itself."""


def editor_schema() -> Json:
    """The schema of a whole file: `training` is TrainingConfig, `model` any shipped family's settings or one's own."""
    families = [(name, family_class(name, kind).Config) for kind, names in FAMILIES.items() for name in names]
    models: list[type[BaseModel]] = [PipelineConfig, TrainingConfig, *(config for _, config in families)]
    references, schema = models_json_schema([(model, "validation") for model in models], by_alias=True)
    definitions: Json = schema["$defs"]
    names = {model: _name(references[model, "validation"]) for model in models}
    _describe(names, definitions)
    _spare_folders_of_pictures(definitions[DataConfig.__name__])
    _take_a_pattern_for_splits(definitions[DataConfig.__name__])
    top: Json = {**definitions[names[PipelineConfig]], **_LABELLED}
    training = references[TrainingConfig, "validation"]
    shipped = [_of_family(name, definitions[names[config]]) for name, config in families]
    top["properties"] = {
        **top["properties"],
        "training": {**training, "description": field_docs(PipelineConfig)["training"]},
        "model": {"description": "The family and its settings.", "anyOf": [*shipped, _OWN_FAMILY]},
    }
    for section in ("training", "push", "validation", "evaluation", "beam", "steps", "schedule", "notify", "schema"):
        top["properties"][section] = _or_empty(top["properties"][section])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **top, "$defs": definitions}


def _name(reference: Json) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _describe(names: Mapping[type[BaseModel], str], definitions: Json) -> None:
    """Writes fields' docstrings into the definitions, of the models and of all that they hold.

    Args:
        names: the models' names among the definitions; two may be called `Config`. Inner ones have their class's name.
        definitions: changed in place.
    """
    for model in _with_inner(list(names)):
        properties = definitions.get(names.get(model, model.__name__), {}).get("properties", {})
        docs = field_docs(model)
        for name, info in model.model_fields.items():
            if name in docs and (info.alias or name) in properties:
                properties[info.alias or name].setdefault("description", docs[name])


def _with_inner(models: list[type[BaseModel]]) -> list[type[BaseModel]]:
    found: dict[type[BaseModel], None] = {}
    waiting = list(models)
    while waiting:
        model = waiting.pop()
        if model not in found:
            found[model] = None
            waiting += [inner for field in fields_of(model).values() for inner in inner_models(field)]
    return list(found)


def _spare_folders_of_pictures(data: Json) -> None:
    """A folder of pictures has its columns by itself; every other format names them."""
    data["required"] = [name for name in data["required"] if name != "features"]
    data |= {"if": _FOLDER, "else": {"required": ["features"]}}


def _take_a_pattern_for_splits(data: Json) -> None:
    """`spans: <pattern>` stands in place of `splits`."""
    pattern = {"type": "string"}
    data["required"] = [name for name in data["required"] if name != "splits"]
    data["allOf"] = [
        {"if": {"required": ["spans"], "properties": {"spans": pattern}}, "else": {"required": ["splits"]}},
    ]
    data["properties"]["spans"]["anyOf"].append(pattern)


def _of_family(name: str, settings: Json) -> Json:
    """A family's settings with its name among them."""
    family = {"const": name, "description": (settings.get("description") or name).partition("\n")[0]}
    return {
        **settings,
        "title": name,
        "properties": {"family": family, **settings.get("properties", {})},
        "required": ["family", *settings.get("required", [])],
    }


def _or_empty(field: Json) -> Json:
    """A section that may be there with nothing below it."""
    description = {"description": field["description"]} if "description" in field else {}
    options = field.get("anyOf", [{key: value for key, value in field.items() if key != "description"}])
    return {**description, "anyOf": [*options, *([] if {"type": "null"} in options else [{"type": "null"}])]}
