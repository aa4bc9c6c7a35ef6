"""Nested JSON lists to arrays, by the rules of TF Serving's util/json_tensor.cc."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final

import numpy as np

from serving.errors import Code, ServingError
from serving.interface import Array
from serving.rest.json_text import shown
from serving.tensors import dtype_of, type_name

_BASE64: Final = "b64"
_MAX_RANK: Final = 32
_LEAVES: Final[Mapping[str, set[type]]] = {"f": {int, float}, "i": {int}, "u": {int}, "b": {bool}, "O": {str, dict}}
"""Kind of an array to what JSON has for its values."""


def to_array(value: Any, enum: int, name: str) -> Array:
    """An array of a value, which is a scalar or a list, nested as deep as the array has dimensions.

    Args:
        value: from JSON.
        enum: the member of TensorFlow's DataType that a signature wants.
        name: of the input, for errors.

    Raises:
        ServingError: INVALID_ARGUMENT, lists of one level differ in length, or a value is of another type.
    """
    kind = _kind_of(enum)
    if kind is None:
        raise _wrong(f"Input `{name}` of type {type_name(enum)} cannot be given as JSON.")
    dtype, allowed = kind
    leaves, shape = _flattened(value, name)
    if not set(map(type, leaves)) <= allowed:
        wrong = next(leaf for leaf in leaves if type(leaf) not in allowed)
        raise _wrong(f"JSON Value: {shown(wrong)} is not of expected type: {type_name(enum)} (input `{name}`)")
    if dtype.hasobject:
        array = np.empty(len(leaves), object)
        array[:] = [_string(leaf, name) for leaf in leaves]
        return array.reshape(shape)
    try:
        with np.errstate(over="ignore"):
            return np.array(leaves, dtype).reshape(shape)
    except OverflowError as error:
        raise _wrong(f"JSON Value: {error} (input `{name}`, {type_name(enum)})") from error


@lru_cache(maxsize=64)
def _kind_of(enum: int) -> tuple[np.dtype[Any], set[type]] | None:
    """The array's type, and the types of its values in JSON; None where there are none."""
    dtype = dtype_of(enum)
    if dtype is None:
        return None
    allowed = _LEAVES.get("f" if dtype.name == "bfloat16" else dtype.kind)
    return None if allowed is None else (dtype, allowed)


def is_base64(value: Any) -> bool:
    """Whether it is `{"b64": "..."}`, which stands for bytes."""
    return isinstance(value, dict) and value.keys() == {_BASE64}


def from_base64(value: dict[str, Any]) -> bytes:
    """The bytes that `{"b64": "..."}` stands for.

    Raises:
        ServingError: INVALID_ARGUMENT, they are not written as they should be.
    """
    text = value[_BASE64]
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise _wrong(f'Unable to base64 decode: {shown(text)}: `{{"b64": ...}}` must hold base64') from error


def _flattened(value: Any, name: str) -> tuple[Sequence[Any], tuple[int, ...]]:
    """All leaves in order, and the shape: that of the first of each level, which all others must have."""
    level, shape = [value], list[int]()
    while level and isinstance(level[0], list):
        size = len(level[0])
        for found in level:
            if not isinstance(found, list):
                raise _wrong(f"Encountered a value at level {len(shape)} of input `{name}`: expected a list of {size}")
            if len(found) != size:
                raise _wrong(
                    f"Encountered list at unexpected size: {len(found)} at level: {len(shape)} of input `{name}`"
                    f" expected size: {size}"
                )
        shape.append(size)
        if len(shape) > _MAX_RANK:
            raise _wrong(f"Input `{name}` must have at most {_MAX_RANK} dimensions.")
        level = level[0] if len(level) == 1 else list(chain.from_iterable(level))
    return level, tuple(shape)


def _string(leaf: str | dict[str, Any], name: str) -> bytes:
    if isinstance(leaf, str):
        try:
            return leaf.encode("utf-8")
        except UnicodeEncodeError as error:
            raise _wrong(f"JSON Value: half of a surrogate pair is no character (input `{name}`)") from error
    if not is_base64(leaf):
        raise _wrong(f"JSON Value: {shown(leaf)} is not of expected type: DT_STRING (input `{name}`)")
    return from_base64(leaf)


def _wrong(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)
