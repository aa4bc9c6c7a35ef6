"""Which JSON values fit the types of a signature's inputs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import ml_dtypes
import numpy as np

from serving.interface import Array
from serving.protos import types_pb2
from serving.tensors import dtype_of, type_name

MAX_RANK: Final = 32
"""Dimensions of a tensor."""
_FEW: Final = 32
"""So many values are sooner compared one by one than numpy is told not to warn of those that are too large."""


@dataclass(frozen=True)
class Kind:
    """A tensor type as JSON has it.

    Args:
        name: TensorFlow's, in small letters.
        dtype: the array's; None for types that JSON cannot say.
        types: Python's types of values that fit; a bool is no number, nor is a float an integer.
        low: the least number that fits.
        high: the greatest.
        largest: what a float must be within to be finite in an array; larger numbers become infinite there.
    """

    name: str
    dtype: np.dtype[Any] | None
    types: frozenset[type] = frozenset()
    low: float = -math.inf
    high: float = math.inf
    largest: float = math.inf

    @property
    def is_string(self) -> bool:
        return str in self.types

    def fits(self, value: Any) -> bool:
        """Whether a tensor may hold a value."""
        return type(value) in self.types and (self.low == -math.inf or self.low <= value <= self.high)

    def all_fit(self, values: Sequence[Any]) -> bool:
        """Whether a tensor may hold all of them; fast."""
        if not set(map(type, values)) <= self.types:
            return False
        return self.low == -math.inf or not values or (self.low <= min(values) and max(values) <= self.high)

    def array(self, values: Sequence[Any]) -> Array:
        """Numbers or bools that fit as an array, `(len(values),)`. A number too large for a float is infinite there."""
        assert self.dtype is not None
        if 0 < len(values) <= _FEW and -self.largest <= min(values) and max(values) <= self.largest:
            return np.array(values, self.dtype)
        with np.errstate(over="ignore"):
            return np.array(values, self.dtype)


_FLOATS: Final = (types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE, types_pb2.DT_HALF, types_pb2.DT_BFLOAT16)
_INTEGERS: Final = (
    types_pb2.DT_INT8,
    types_pb2.DT_UINT8,
    types_pb2.DT_INT16,
    types_pb2.DT_UINT16,
    types_pb2.DT_INT32,
    types_pb2.DT_UINT32,
    types_pb2.DT_INT64,
    types_pb2.DT_UINT64,
)


def _name(enum: int) -> str:
    return type_name(enum).removeprefix("DT_").lower()


def _integer(enum: int) -> Kind:
    dtype = dtype_of(enum)
    assert dtype is not None
    bounds = np.iinfo(dtype)
    return Kind(_name(enum), dtype, frozenset((int,)), int(bounds.min), int(bounds.max))


def _float(enum: int) -> Kind:
    dtype = dtype_of(enum)
    assert dtype is not None
    largest = float(ml_dtypes.finfo(dtype).max)  # type: ignore[no-untyped-call]
    return Kind(_name(enum), dtype, frozenset((int, float)), largest=largest)


_KINDS: Final[Mapping[int, Kind]] = {
    types_pb2.DT_STRING: Kind("string", dtype_of(types_pb2.DT_STRING), frozenset((str,))),
    types_pb2.DT_BOOL: Kind("bool", dtype_of(types_pb2.DT_BOOL), frozenset((bool,))),
    **{enum: _float(enum) for enum in _FLOATS},
    **{enum: _integer(enum) for enum in _INTEGERS},
}


def kind_of(enum: int) -> Kind:
    """The kind of a member of TensorFlow's DataType."""
    return _KINDS.get(enum) or Kind(_name(enum), None)
