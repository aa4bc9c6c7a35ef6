"""What the fields of a pydantic model are for: the docstrings that stand below them, read when somebody asks.

Pydantic's own `use_attribute_docstrings` reads the sources at every import, which a cached run has no time for.
"""

import ast
import inspect
import itertools
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import BaseModel

Key = tuple[str | int, ...]


def field_docs(model: type[BaseModel]) -> dict[str, str]:
    """Field name to docstring, on one line, base classes included; fields without one are left out."""
    docs: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            docs.update(_module_docs(base.__module__).get(base.__name__, {}))
    return docs


@cache
def _module_docs(module: str) -> dict[str, dict[str, str]]:
    """Class name to its fields' docstrings; empty where the source is not at hand."""
    try:
        tree = ast.parse(inspect.getsource(__import__(module, fromlist=["_"])))
    except (OSError, TypeError, ImportError):
        return {}
    return {node.name: dict(_below_fields(node.body)) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def _below_fields(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement, following in itertools.pairwise(body):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, " ".join(text.split())


def fields_of(model: type[BaseModel]) -> dict[str, Any]:
    """Keys as a file writes them (aliases) to the fields' annotations."""
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}


def model_at(annotation: Any, key: Key) -> type[BaseModel] | None:
    """The model whose fields may stand at a key below something of type `annotation`; None for a scalar."""
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            if not key:
                return option
            if key[0] in (fields := fields_of(option)):
                return model_at(fields[str(key[0])], key[1:])
        elif key and (inner := typing.get_args(option)):
            found = model_at(inner[-1] if typing.get_origin(option) is dict else inner[0], key[1:])
            if found:
                return found
    return None


def inner_models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model that a value of the annotated type may be or hold."""
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            yield option
        for inner in typing.get_args(option) if typing.get_origin(option) is not typing.Literal else ():
            yield from inner_models(inner)


def all_keys(roots: Mapping[Key, type[BaseModel]]) -> Iterator[Key]:
    """Keys of every field of the models that stand at `roots`, list indices and free names left out."""
    for prefix, model in roots.items():
        for name, annotation in fields_of(model).items():
            yield (*prefix, name)
            if (inner := model_at(annotation, ())) and (*prefix, name) not in roots:
                yield from all_keys({(*prefix, name): inner})


def _options(annotation: Any) -> Iterator[Any]:
    """The members of a union, `Annotated` taken off; the annotation itself where it is none."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _options(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for member in typing.get_args(annotation):
            yield from _options(member)
    else:
        yield annotation
