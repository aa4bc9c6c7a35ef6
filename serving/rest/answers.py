"""Arrays to JSON: floats as short as they can be told apart, NaN and infinities by name, bytes as base64."""

import base64
import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import orjson

from serving.interface import Array

_BINARY: Final = "_bytes"
"""Outputs whose names end so are bytes, by TF Serving's convention; all other strings are text."""

_OPTIONS: Final = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
_NATIVE: Final = frozenset(
    np.dtype(name) for name in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")
)
_NULL: Final = b"null"
_SPECIAL: Final = {math.inf: "Infinity", -math.inf: "-Infinity"}


def jsonable(array: Array, alias: str) -> Any:
    """What `dump` can write of an output: the array itself, or nested lists."""
    if array.dtype.hasobject:
        return _mapped(array.tolist(), _as_base64 if alias.endswith(_BINARY) else _as_text)
    if array.dtype not in _NATIVE:
        array = array.astype(np.float32) if array.dtype.kind not in "c" else array.astype(str)
        return array.tolist() if array.dtype.kind == "U" else np.ascontiguousarray(array)
    return np.ascontiguousarray(array) if array.ndim else array[()]


def dump(value: Any) -> bytes:
    """JSON of nested dicts, lists, arrays and numpy's scalars."""
    text = orjson.dumps(value, option=_OPTIONS)
    if _NULL in text and not _is_finite(value):  # orjson writes NaN and infinities so
        return "".join(_pieces(value)).encode()
    return text


def _is_finite(value: Any) -> bool:
    """Whether there is no NaN or infinity."""
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind != "f" or bool(np.isfinite(value).all())
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _pieces(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield "{"
        for position, (key, inner) in enumerate(value.items()):
            yield f"{',' if position else ''}{orjson.dumps(key).decode()}:"
            yield from _pieces(inner)
        yield "}"
    elif isinstance(value, list) or (isinstance(value, np.ndarray) and value.ndim):
        yield "["
        for position, inner in enumerate(value):
            if position:
                yield ","
            yield from _pieces(inner)
        yield "]"
    elif isinstance(value, float | np.floating) and not np.isfinite(value):
        yield _SPECIAL.get(float(value), "NaN")
    else:
        yield orjson.dumps(value, option=_OPTIONS).decode()


def _mapped(value: Any, convert: Any) -> Any:
    return [_mapped(inner, convert) for inner in value] if isinstance(value, list) else convert(value)


def _as_text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _as_base64(value: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(value).decode("ascii")}
