"""Families by name. A family is looked up without importing TensorFlow."""

import difflib
import importlib
import inspect
import re
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

from pydantic import BaseModel, ValidationError

from models.family import Family
from schemas.config import Modality, ModelConfig
from schemas.errors import ConfigError

FAMILIES: Final[Mapping[Modality, Mapping[str, str]]] = {
    "text": {
        "bert": "models.bert:Bert",
        "linear": "models.linear:Linear",
        "lstm": "models.lstm:Lstm",
        "transformer": "models.transformer:Transformer",
    },
    "image": {
        "linear": "models.pixels_linear:PixelsLinear",
        "mlp": "models.mlp:Mlp",
        "resnet": "models.resnet:ResNet",
        "vgg": "models.vgg:Vgg",
    },
}
"""Shipped families by what they are for; a name may stand for one of each kind."""

PRETRAINABLE: Final = ("bert", "transformer")
"""Those that texts without labels can teach (`task: pretraining`)."""

_KINDS: Final[Mapping[Modality, str]] = {"text": "texts", "image": "pictures"}
_IMPORT_PATH: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def import_path(family: str, modality: Modality = "text") -> str:
    """`module:Class` of a shipped family's name, or of an import path as it is.

    Raises:
        ConfigError: the name is unknown, or that of a family for data of another kind.
    """
    if ":" in family:
        return family
    families = FAMILIES[modality]
    if family in families:
        return families[family]
    expected = (
        f"`model.family` must be one of {', '.join(families)}, or an import path `package.module:Class`. Received:"
        f" {family}"
    )
    if others := [other for other in FAMILIES if family in FAMILIES[other]]:
        raise ConfigError(
            f"{expected}, which is for {_KINDS[others[0]]}; the features of `data` are {_KINDS[modality]}."
        )
    close = difflib.get_close_matches(family, families, n=1)
    hint = f" Did you mean `{close[0]}`?" if close else ""
    raise ConfigError(f"{expected}.{hint}")


def family_class(family: str, modality: Modality = "text") -> type[Family]:
    """The class of a family, shipped or the user's own.

    Raises:
        ConfigError: the name is unknown, or the import path leads to no complete Family, or to one for other data.
    """
    path = import_path(family, modality)
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
    if found.modality != modality:
        raise ConfigError(
            f"`model.family` must be for {_KINDS[modality]}, as the features of `data` are. Received: {family}, which"
            f" is for {_KINDS[found.modality]} (`modality = {found.modality!r}`)"
        )
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


def make_family(
    model: ModelConfig, features: Sequence[str], modality: Modality = "text", base: Path | None = None
) -> Family:
    """The family that the section `model:` of the pipeline file asks for.

    Args:
        model: the section.
        features: the model's input names.
        modality: what the features are.
        base: the folder of the pipeline file; the current one unless given.

    Raises:
        ConfigError: as for `family_class`, or a hyperparameter is wrong.
    """
    found = family_class(model.family, modality)
    try:
        hyperparameters = found.Config.model_validate(model.hyperparameters)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("model", *first["loc"])))
        raise ConfigError(f"`{where}`: {first['msg']}. Received: {first['input']!r}") from error
    family = found(hyperparameters, features)
    family.base = base or Path()
    return family
