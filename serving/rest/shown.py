"""JSON values as error messages show them: their beginning, and what they are."""

import json
from collections.abc import Iterator
from typing import Any, Final

_LIMIT: Final = 256

_TYPES: Final = {
    type(None): "Null",
    dict: "Object",
    list: "Array",
    str: "String",
    int: "Number",
    float: "Number",
}


def shown(value: Any) -> str:
    """The beginning of a value's JSON, some 256 characters at most."""
    parts, length = list[str](), 0
    for part in _parts(value):
        parts.append(part)
        length += len(part)
        if length >= _LIMIT:
            break
    return "".join(parts)[: _LIMIT + 1]


def type_of(value: Any) -> str:
    """What RapidJSON calls a value's type."""
    return str(value) if value is True or value is False else _TYPES[type(value)]


def _parts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        yield "["
        for index, item in enumerate(value):
            yield ", " if index else ""
            yield from _parts(item)
        yield "]"
    elif isinstance(value, dict):
        yield "{"
        for index, (name, item) in enumerate(value.items()):
            yield f"{', ' if index else ''}{_text(name)}: "
            yield from _parts(item)
        yield "}"
    else:
        yield _text(value) if isinstance(value, str) else json.dumps(value)


def _text(value: str) -> str:
    return json.dumps(value[:_LIMIT], ensure_ascii=False)
