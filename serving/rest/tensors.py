"""Nested JSON lists to arrays, by a few calls over whole levels of nesting."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from serving.interface import Array
from serving.rest import complaints
from serving.rest.kinds import MAX_RANK, Kind
from serving.rest.strings import decode_base64, encode


def to_array(value: Any, kind: Kind) -> Array | None:
    """An array of a value, which is a scalar or a list, nested as deep as the array has dimensions.

    None if lists of one level differ in length, or a value does not fit; `complaints` says which.

    Raises:
        ServingError: INVALID_ARGUMENT, nested too deep, or a string that is none.
    """
    level, shape = [value], list[int]()
    while level and type(level[0]) is list:
        if len(level) > 1 and (set(map(type, level)) != {list} or len(set(map(len, level))) != 1):
            return None
        if len(shape) == MAX_RANK:
            raise complaints.too_deep()
        shape.append(len(level[0]))
        level = level[0] if len(level) == 1 else list(chain.from_iterable(level))
    if kind.is_string:
        return _strings(level, shape)
    return kind.array(level).reshape(shape) if kind.dtype is not None and kind.all_fit(level) else None


def _strings(values: Sequence[Any], shape: Sequence[int]) -> Array | None:
    if not set(map(type, values)) <= {str, dict}:
        return None
    array = np.empty(len(values), object)
    array[:] = [encode(value) if type(value) is str else decode_base64(value) for value in values]
    return array.reshape(shape)
