"""From a folder to the models in it: TF Serving's layout, `<anything>/<model>/<version>/saved_model.pb`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from schemas.errors import ConfigError
from schemas.names import is_name
from serving.config_files import ModelServerConfig

_PLATFORM: Final = "tensorflow"
_SHOWN: Final = 3


def config_of(folder: Path, name: str | None = None) -> Any:
    """A ModelServerConfig that serves what a folder holds.

    Args:
        folder: a model's folder of versions, one version, or a folder of models, which are all served.
        name: the model's name, if there is one model; None for that of its folder.

    Raises:
        ConfigError: there is no model, `name` is no name, or it is given for several.
    """
    models = dict(_models(folder.resolve()))
    if not models:
        raise ConfigError(f"`DIR_OR_CONFIG` must be a folder with models in it. Received: {_found(folder)}")
    if name is not None:
        if len(models) > 1:
            raise ConfigError(f"`--model_name` must be left out for a folder of several models: {_shown(models)}")
        models = {name: next(iter(models.values()))}
    config = ModelServerConfig()
    for model, (base, version) in models.items():
        if not is_name(model):
            raise ConfigError(
                f"`--model_name` must be letters, digits, `.`, `_` and `-`, at most 100. Received: {model!r}"
            )
        added = config.model_config_list.config.add(name=model, base_path=str(base), model_platform=_PLATFORM)
        if version is not None:
            added.model_version_policy.specific.versions.append(version)
    return config


def config_of_model(base: Path, name: str) -> Any:
    """A ModelServerConfig for one folder of versions, which may still be empty."""
    config = ModelServerConfig()
    config.model_config_list.config.add(name=name, base_path=str(base.resolve()), model_platform=_PLATFORM)
    return config


def _models(folder: Path) -> Iterator[tuple[str, tuple[Path, int | None]]]:
    """Name to folder of versions, and the only version that is meant, if so."""
    if folder.name.isdecimal() and (folder / "saved_model.pb").is_file():
        yield folder.parent.name, (folder.parent, int(folder.name))
    elif _has_versions(folder):
        yield folder.name, (folder, None)
    elif folder.is_dir():
        for child in sorted(folder.iterdir()):
            if not child.name.startswith(".") and _has_versions(child):
                yield child.name, (child, None)


def _has_versions(folder: Path) -> bool:
    return folder.is_dir() and any(
        child.name.isdecimal() and (child / "saved_model.pb").is_file() for child in folder.iterdir()
    )


def _found(folder: Path) -> str:
    if not folder.exists():
        return f"{folder}, which is not there"
    if not folder.is_dir():
        return f"{folder}, a file"
    if (folder / "saved_model.pb").is_file():
        return f"{folder}, a model whose folder's name is not a version, a number"
    below = dict(model for child in sorted(folder.iterdir()) if child.is_dir() for model in _models(child))
    hint = f" Did you mean {_shown({str(base): 0 for base, _ in below.values()})}?" if below else ""
    return f"{folder}, without any.{hint}"


def _shown(names: Any) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (", ..." if len(listed) > _SHOWN else "")
