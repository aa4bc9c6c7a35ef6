"""Families by name. A family is looked up without importing TensorFlow."""

import difflib
import importlib
import inspect
import re
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

from pydantic import BaseModel, ValidationError

from models.family import Family
from schemas.config import ModelConfig
from schemas.errors import ConfigError

FAMILIES: Final = {
    "linear": "models.linear:Linear",
    "lstm": "models.lstm:Lstm",
}
_IMPORT_PATH: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


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
        ConfigError: the name is unknown, or the import path leads to no complete Family.
    """
    path = import_path(family)
    if not _IMPORT_PATH.fullmatch(path):
        raise ConfigError(f"`model.family` must be an import path `package.module:Class`. Received: {family}")
    module_name, _, class_name = path.partition(":")
    module = _imported(module_name, family)
    found = getattr(module, class_name, None)
    if not (isinstance(found, type) and issubclass(found, Family)):
        families = [name for name, value in vars(module).items() if isinstance(value, type) and value is not Family]
        close = difflib.get_close_matches(class_name, families, n=1)
        hint = f" Did you mean `{close[0]}`?" if close and found is None else ""
        lacks = "which is not in the module" if found is None else "which is none"
        raise ConfigError(
            f"`model.family` must be a subclass of models.family.Family. Received: {family}, {lacks}.{hint}"
        )
    _check_complete(found, family)
    return found


def _imported(module: str, family: str) -> ModuleType:
    """The module of a family; whatever is wrong in it is a mistake of the person whose family it is."""
    try:
        return importlib.import_module(module)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
            raise ConfigError(
                f"`model.family` must be an import path; there is no module `{error.name}` beside the pipeline file or"
                f" among what is installed. Received: {family}"
            ) from error
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ConfigError(
            f"`model.family`: cannot import {family}: {_place(error)}: {type(error).__name__}: {said}"
        ) from error


def _place(error: BaseException) -> str:
    """File and line of an error in a module that was being imported, as near to its cause as the author's files go."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    machinery = ("<frozen importlib", importlib.__file__)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(machinery)]
    theirs = frames[1:] or frames  # the first is this module's
    folder = Path(theirs[0].filename).parent
    last = [frame for frame in theirs if Path(frame.filename).is_relative_to(folder)][-1]
    return f"{last.filename}:{last.lineno}"


def _check_complete(found: type[Family], family: str) -> None:
    config = getattr(found, "Config", None)
    lacking = sorted(found.__abstractmethods__)
    if not (isinstance(config, type) and issubclass(config, BaseModel)):
        lacking.append("Config")
    if lacking:
        line = inspect.getsourcelines(found)[1]
        raise ConfigError(
            f"`model.family`: {family} ({inspect.getsourcefile(found)}:{line}) must define {', '.join(lacking)}, as"
            " models.family.Family says."
        )


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
