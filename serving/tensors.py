"""TensorProto to numpy arrays and back, with TensorFlow's rules but without TensorFlow.

The message is tensorflow/core/framework/tensor.proto: values stand in `tensor_content`, as they lie in memory, or in a
field of their type. A field may hold fewer values than the shape has, then the last one fills the rest, and none at all
means zeros; so a message of a few bytes can ask for any amount of memory, which is why sizes are checked first.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import ml_dtypes
import numpy as np

from serving.protos import tensor_pb2, types_pb2

TensorProto = tensor_pb2.TensorProto

MAX_BYTES: Final = 1 << 30
"""What a tensor may take in memory, unless the caller says otherwise."""

_MAX_RANK: Final = 32
_STRING_BYTES: Final = 8
"""What a string takes in an array beside its content: a pointer."""


class TensorError(ValueError):
    """A message that is no tensor, or one too large."""


@dataclass(frozen=True)
class _Kind:
    """How values of one type are written in a message."""

    dtype: np.dtype[Any]
    field: str
    wide: np.dtype[Any]
    """Type of the field's values; a value is two of them where it is complex, and bits where it is a short float."""


def _kind(dtype: Any, field: str, wide: Any = None) -> _Kind:
    return _Kind(np.dtype(dtype), field, np.dtype(dtype if wide is None else wide))


_KINDS: Final[dict[int, _Kind]] = {
    types_pb2.DT_FLOAT: _kind(np.float32, "float_val"),
    types_pb2.DT_DOUBLE: _kind(np.float64, "double_val"),
    types_pb2.DT_INT8: _kind(np.int8, "int_val", np.int32),
    types_pb2.DT_INT16: _kind(np.int16, "int_val", np.int32),
    types_pb2.DT_INT32: _kind(np.int32, "int_val"),
    types_pb2.DT_INT64: _kind(np.int64, "int64_val"),
    types_pb2.DT_UINT8: _kind(np.uint8, "int_val", np.int32),
    types_pb2.DT_UINT16: _kind(np.uint16, "int_val", np.int32),
    types_pb2.DT_UINT32: _kind(np.uint32, "uint32_val"),
    types_pb2.DT_UINT64: _kind(np.uint64, "uint64_val"),
    types_pb2.DT_BOOL: _kind(np.bool_, "bool_val"),
    types_pb2.DT_HALF: _kind(np.float16, "half_val", np.int32),
    types_pb2.DT_BFLOAT16: _kind(ml_dtypes.bfloat16, "half_val", np.int32),
    types_pb2.DT_COMPLEX64: _kind(np.complex64, "scomplex_val", np.float32),
    types_pb2.DT_COMPLEX128: _kind(np.complex128, "dcomplex_val", np.float64),
    types_pb2.DT_STRING: _kind(np.object_, "string_val"),
}
_ENUMS: Final = {kind.dtype: enum for enum, kind in _KINDS.items()}

_LENGTH_DELIMITED: Final = 2
_FIXED_WIDTH: Final = {
    name: bytes(((number << 3) | _LENGTH_DELIMITED,))
    for name, number in (("float_val", 5), ("double_val", 6), ("scomplex_val", 9), ("dcomplex_val", 12))
}
"""Packed fields that stand in a message as they do in memory, and what comes before their lengths there."""
_FEW: Final = 32
"""So many values are sooner read one by one than copied together."""


def to_array(proto: Any, max_bytes: int = MAX_BYTES) -> np.ndarray[Any, Any]:
    """The values of a message; strings as an array of `bytes` objects. It may share the message's memory, read-only.

    Raises:
        TensorError: a type without values, a shape that is not fully known, content that does not fit it, or an array
            of more than `max_bytes` bytes.
    """
    kind = _KINDS.get(proto.dtype)
    if kind is None:
        raise TensorError(f"`dtype` must be a type that has values. Received: {type_name(proto.dtype)}")
    shape = _shape(proto)
    count = math.prod(shape)
    size = count * (_STRING_BYTES if kind.dtype.hasobject else kind.dtype.itemsize)
    if size > max_bytes:
        raise TensorError(f"`tensor_shape` must need at most {max_bytes} bytes. Received: {list(shape)}, {size} bytes")
    if count and proto.tensor_content:
        values = _content(proto.tensor_content, kind, count)
    else:
        values = _filled(_field(proto, kind, count), kind, count)
    return values if values.shape == shape else values.reshape(shape)


def to_proto(array: np.ndarray[Any, Any], *, content: bool = False) -> Any:
    """A TensorProto of an array, as `write` makes it."""
    proto = TensorProto()
    write(proto, array, content=content)
    return proto


def write(proto: Any, array: np.ndarray[Any, Any], *, content: bool = False) -> None:
    """Writes an array into an empty message.

    Args:
        proto: a TensorProto; for speed it must be empty, as a new entry of a map is.
        array: numbers of any type that TensorFlow has, or `bytes`.
        content: write numbers as `tensor_content`, which is smaller for integers; else as the field of their type.

    Raises:
        TensorError: an array of another type.
    """
    enum = _ENUMS.get(array.dtype)
    if enum is None:
        raise TensorError(f"An array must have a type that TensorFlow has. Received: dtype={array.dtype}")
    kind, head = _KINDS[enum], _head(enum, array.shape)
    if kind.field in _FIXED_WIDTH and not content:
        proto.MergeFromString(_packed(head, array, _FIXED_WIDTH[kind.field]))
        return
    proto.MergeFromString(head)
    if array.dtype.hasobject:
        proto.string_val.extend(array.ravel().tolist())
    elif content:
        proto.tensor_content = array.tobytes()
    else:
        getattr(proto, kind.field).extend(_wide(array, kind).tolist())


def dtype_of(enum: int) -> np.dtype[Any] | None:
    """The array type of a member of TensorFlow's DataType; None where an array has none."""
    kind = _KINDS.get(enum)
    return None if kind is None else kind.dtype


def type_name(type_: int | np.dtype[Any]) -> str:
    """TensorFlow's name of a member of its DataType, or of an array's type."""
    enum = type_ if isinstance(type_, int) else _ENUMS.get(type_)
    return str(types_pb2.DataType.Name(enum)) if enum in types_pb2.DataType.values() else str(type_)


def _shape(proto: Any) -> tuple[int, ...]:
    told = proto.tensor_shape
    if told.unknown_rank:
        raise TensorError("`tensor_shape` must be known. Received: unknown_rank=True")
    dims = told.dim
    shape = (dims[0].size,) if len(dims) == 1 else tuple([dim.size for dim in dims])
    if len(shape) > _MAX_RANK or (shape and min(shape) < 0):
        raise TensorError(
            f"`tensor_shape` must have at most {_MAX_RANK} dimensions, none negative. Received: {list(shape[:40])}"
        )
    return shape


def _content(content: bytes, kind: _Kind, count: int) -> np.ndarray[Any, Any]:
    if kind.dtype.hasobject:
        return _objects(_strings(content, count))
    if len(content) != count * kind.dtype.itemsize:
        raise TensorError(
            f"`tensor_content` must have {count * kind.dtype.itemsize} bytes, as type and shape say."
            f" Received: {len(content)}"
        )
    return np.frombuffer(content, kind.dtype)


def _strings(content: bytes, count: int) -> list[bytes]:
    """Strings of `tensor_content`: all lengths as varints, then all of their bytes."""
    if count > len(content):
        raise TensorError(f"`tensor_content` must have {count} lengths. Received: {len(content)} bytes")
    lengths, position = list[int](), 0
    for _ in range(count):
        length, shift = 0, 0
        while True:
            if position >= len(content) or shift > 28:
                raise TensorError(f"`tensor_content` must have {count} lengths. Received: a broken one")
            byte = content[position]
            position += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        lengths.append(length)
    if position + sum(lengths) != len(content):
        raise TensorError(f"`tensor_content` must have {position + sum(lengths)} bytes. Received: {len(content)}")
    strings = list[bytes]()
    for length in lengths:
        strings.append(content[position : position + length])
        position += length
    return strings


def _field(proto: Any, kind: _Kind, count: int) -> np.ndarray[Any, Any]:
    """The values of the typed field: at most `count`, perhaps fewer."""
    field = getattr(proto, kind.field)
    if kind.dtype.hasobject:
        return _objects(field[:count])
    if kind.field in _FIXED_WIDTH:
        values = _read_packed(proto, kind)
        return values[: len(values) // 2 * 2].view(kind.dtype) if kind.dtype.kind == "c" else values
    values = np.fromiter(field, kind.wide, len(field))
    if kind.field == "half_val":
        return values.astype(np.uint16).view(kind.dtype)
    return values.astype(kind.dtype, copy=False)


def _filled(values: np.ndarray[Any, Any], kind: _Kind, count: int) -> np.ndarray[Any, Any]:
    """As many values as the shape has: what is too much is left out, the last one fills what is missing."""
    if len(values) >= count:
        return values if len(values) == count else values[:count]
    whole = np.empty(count, kind.dtype)
    whole[: len(values)] = values
    nothing: Any = b"" if kind.dtype.hasobject else 0
    whole[len(values) :] = values[-1] if len(values) else nothing
    return whole


def _objects(strings: Any) -> np.ndarray[Any, Any]:
    array = np.empty(len(strings), np.object_)
    array[:] = strings
    return array


def _read_packed(proto: Any, kind: _Kind) -> np.ndarray[Any, Any]:
    """Values of a fixed-width field. In a message of nothing else, they are its last bytes."""
    field = getattr(proto, kind.field)
    if len(field) < _FEW:
        return np.fromiter(field, kind.wide, len(field))
    alone = TensorProto()
    alone.CopyFrom(proto)
    for other, _ in alone.ListFields():
        if other.name != kind.field:
            alone.ClearField(other.name)
    alone.DiscardUnknownFields()
    serialized = alone.SerializeToString()
    return np.frombuffer(serialized, kind.wide, offset=len(serialized) - len(field) * kind.wide.itemsize)


@lru_cache(maxsize=1024)
def _head(enum: int, shape: tuple[int, ...]) -> bytes:
    """A message without values, serialized. It is made for every answer, of few types and shapes."""
    proto = TensorProto(dtype=enum)
    proto.tensor_shape.SetInParent()  # a scalar has a shape, too: one without dimensions
    for size in shape:
        proto.tensor_shape.dim.add().size = size
    return bytes(proto.SerializeToString())


def _packed(head: bytes, array: np.ndarray[Any, Any], tag: bytes) -> bytes:
    """A message with a fixed-width field, serialized at the speed of copying."""
    if not array.size:
        return head
    values = array.tobytes()
    return b"".join((head, tag, _varint(len(values)), values))


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _wide(array: np.ndarray[Any, Any], kind: _Kind) -> np.ndarray[Any, Any]:
    flat = np.ascontiguousarray(array).reshape(-1)
    if kind.field == "half_val":
        return flat.view(np.uint16)
    return flat
