"""When a component's result may be used again: the same code, parameters, libraries, inputs and files.

The fingerprint is a digest over all of these. `ingredients` names each with its own digest, so that a person can
be told what changed.
"""

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import sys
import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json

from components.component import Component, FileGroup
from pipeline.digests import DigestCache
from pipeline.sources import module_digests
from schemas.errors import ConfigError, DataError

__all__ = ["DigestCache", "code_of", "combined", "fingerprint", "ingredients"]

_MISSING = "missing"


def fingerprint(component: Component, inputs: Mapping[str, str | None], base: Path, digests: DigestCache) -> str:
    """SHA-256 of all that decides a component's result, in hexadecimal.

    Args:
        inputs: input name to the digest of its contents; None for an optional input that there is none of.
        base: folder of the pipeline file.
        digests: remembers files' digests; the caller closes it.

    Raises:
        ConfigError: a parameter is not JSON-serializable, or a source cannot be read as Python.
        DataError: a file that the component reads cannot be read.
    """
    return combined(ingredients(component, inputs, base, digests))


def combined(parts: Mapping[str, str]) -> str:
    """The fingerprint that ingredients make."""
    return hashlib.sha256(json.dumps(sorted(parts.items())).encode()).hexdigest()


def code_of(parts: Mapping[str, str]) -> str:
    """SHA-256 of those ingredients that are neither data nor parameters: code and libraries."""
    kinds = ("component", "python", "code", "library")
    return combined({name: part for name, part in parts.items() if name.partition(" ")[0] in kinds})


def ingredients(
    component: Component, inputs: Mapping[str, str | None], base: Path, digests: DigestCache
) -> dict[str, str]:
    """What a fingerprint is made of, as `<kind> <name>` to a value: a digest, a version, a parameter's JSON."""
    return {
        "component": f"{type(component).__module__}.{type(component).__qualname__}",
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        **{f"parameter {name}": _json(component, name, value) for name, value in component.parameters.items()},
        **{f"input {name}": digest or _MISSING for name, digest in inputs.items()},
        **{f"code {name}": digest for name, digest in _code(component, digests).items()},
        **{f"library {name}": _version(name) for name in component.libraries},
        **_files(component.external_inputs(base), base, digests),
    }


def _json(component: Component, name: str, value: object) -> str:
    try:
        return to_json(_ordered(value)).decode()
    except PydanticSerializationError as error:
        raise ConfigError(
            f"{component.name}: parameter `{name}` must be JSON-serializable, since it is part of the fingerprint. "
            f"Received: {value!r}"
        ) from error


def _ordered(value: object) -> object:
    """The same value with sets as sorted lists, since their order differs between processes."""
    if isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        return {name: _ordered(item) for name, item in {**fields, **(value.model_extra or {})}.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _ordered(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: _ordered(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_ordered(item) for item in value), key=to_json)
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]
    return value


def _code(component: Component, digests: DigestCache) -> dict[str, str]:
    module = type(component).__module__
    if getattr(sys.modules.get(module), "__file__", None) is None:
        # A class typed in at a prompt: nobody can tell whether it is the same, so it is never taken from cache.
        return {module: uuid.uuid4().hex, **module_digests(component.sources(), digests)}
    return module_digests([module, *component.sources()], digests)


@cache
def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return _MISSING


def _files(paths: Iterable[Path | FileGroup], base: Path, digests: DigestCache) -> dict[str, str]:
    """Files outside the pipeline, in the order in which the component names them; a group under its folder's name."""
    found = {}
    for number, path in enumerate(paths):
        if isinstance(path, FileGroup):
            name, contents = path.folder, digests.group_digest(base / path.folder, path.names)
        else:
            name, contents = path, _contents(base / path, digests)
        found[f"file {number} {os.path.relpath(base / name, base)}"] = contents
    return found


def _contents(path: Path, digests: DigestCache) -> str:
    try:
        return digests.file_digest(path)
    except FileNotFoundError:
        return _MISSING
    except OSError as error:
        raise DataError(f"{path} must be a file that can be read. Received: {error.strerror}") from error
