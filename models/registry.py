"""Families by name. A family is looked up without importing TensorFlow."""

import difflib
import importlib
from collections.abc import Sequence
from typing import Final

from pydantic import ValidationError

from models.family import Family
from schemas.config import ModelConfig
from schemas.errors import ConfigError

FAMILIES: Final = {
    "linear": "models.linear:Linear",
    "lstm": "models.lstm:Lstm",
}


def import_path(family: str) -> str:
    """`module:Class` of a shipped family's name, or of an import path as it is."""
    if ":" in family:
        return family
    if family not in FAMILIES:
        close = difflib.get_close_matches(family, FAMILIES, n=1)
        hint = f" Did you mean `{close[0]}`?" if close else ""
        raise ConfigError(
            f"`model.family` must be one of {', '.join(FAMILIES)}, or an import path `package.module:Class`."
            f" Received: {family}.{hint}"
        )
    return FAMILIES[family]


def family_class(family: str) -> type[Family]:
    """The class of a family, shipped or the user's own.

    Raises:
        ConfigError: the name is unknown, or the import path leads to no Family.
    """
    module_name, _, class_name = import_path(family).partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"`model.family`: cannot import {family}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Family)):
        raise ConfigError(f"`model.family`: {family} must be a subclass of models.family.Family.")
    return found


def make_family(model: ModelConfig, features: Sequence[str]) -> Family:
    """The family that the section `model:` of the pipeline file asks for.

    Raises:
        ConfigError: as for `family_class`, or a hyperparameter is wrong.
    """
    found = family_class(model.family)
    try:
        hyperparameters = found.Config.model_validate(model.hyperparameters)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("model", *first["loc"])))
        raise ConfigError(f"`{where}`: {first['msg']}. Received: {first['input']!r}") from error
    return found(hyperparameters, features)
