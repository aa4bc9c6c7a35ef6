"""What is wrong with input tensors, in the words of TF Serving's util/json_tensor.cc."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from serving.errors import Code, ServingError
from serving.rest.kinds import MAX_RANK, Kind
from serving.rest.shown import shown, type_of
from serving.rest.strings import decode_base64, is_base64

_UNKNOWN: Final = "The values do not form a tensor."


def too_deep() -> ServingError:
    """Lists are nested deeper than any tensor."""
    return _wrong(f"Lists must be nested at most {MAX_RANK} levels deep.")


def about_rows(instances: Sequence[Any], kinds: Mapping[str, Kind]) -> ServingError:
    """The first mistake in `instances`."""
    try:
        _check_rows(instances, kinds)
    except ServingError as error:
        return error
    return _wrong(_UNKNOWN)


def about_tensor(value: Any, kind: Kind) -> ServingError:
    """The first mistake in one tensor."""
    try:
        _count(value, kind, _shape(value), 0)
    except ServingError as error:
        return error
    return _wrong(_UNKNOWN)


def _check_rows(instances: Sequence[Any], kinds: Mapping[str, Kind]) -> None:
    are_objects = _is_object(instances[0])
    rows = {alias: _Rows(kind) for alias, kind in kinds.items()}
    for index, instance in enumerate(instances):
        if not are_objects:
            if _is_object(instance):
                raise _wrong(f"Expecting value/list but got object at item {index} of input list")
            _check_row(instance, next(iter(rows.values())), f"element: {index}")
            continue
        if not _is_object(instance):
            raise _wrong(f"Expecting object but got list at item {index} of input list")
        for name, value in instance.items():
            _check_row(value, rows.get(name), f"element: {index} key: {name}", name)
        if instance.keys() != kinds.keys():
            raise _wrong(
                f"Failed to process element: {index} of 'instances' list. JSON object: {shown(instance)} keys must be"
                f" equal to: {','.join(sorted(kinds))}"
            )


class _Rows:
    """What the rows of an input have in common."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._shape: list[int] | None = None
        self._size = 0

    def check(self, value: Any) -> None:
        """Whether a row is like the first one."""
        if not self._shape and self._shape is not None and self.kind.fits(value):
            return  # one of a million scalars
        shape = _shape(value)
        size = _count(value, self.kind, shape, 0)
        if self._shape is None:
            self._shape, self._size = shape, size
        elif size != self._size:
            raise _wrong(f"Expecting tensor size: {self._size} but got: {size}")
        elif shape != self._shape:
            raise _wrong(f"Expecting shape {_listed(self._shape)} but got: {_listed(shape)}")


def _check_row(value: Any, rows: _Rows | None, where: str, name: str = "") -> None:
    try:
        if rows is None:
            raise _wrong(f"JSON object: does not have named input: {name}")
        rows.check(value)
    except ServingError as error:
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"Failed to process {where} of 'instances' list. Error: {error.code.name}: {error.message}",
        ) from error


def _count(value: Any, kind: Kind, shape: Sequence[int], level: int) -> int:
    """How many values a tensor has.

    Raises:
        ServingError: one does not fit, or stands at another level than the first.
    """
    if type(value) is not list:
        if level != len(shape):
            raise _wrong(
                f"JSON Value: {shown(value)} found at incorrect level: {level + 1} in the JSON DOM."
                f" Expected at level: {len(shape)}"
            )
        _check_value(value, kind)
        return 1
    if level >= len(shape):
        raise _wrong(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise _wrong(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    if level == len(shape) - 1 and kind.all_fit(value):
        return len(value)
    return sum(_count(item, kind, shape, level + 1) for item in value)


def _check_value(value: Any, kind: Kind) -> None:
    if kind.is_string and type(value) is dict:
        decode_base64(value)
    elif kind.dtype is None and type(value) is not dict:
        raise ServingError(Code.UNIMPLEMENTED, f"Conversion of JSON Value: {shown(value)} to type: {kind.name}")
    elif not kind.fits(value):
        raise _wrong(f"JSON Value: {shown(value)} Type: {type_of(value)} is not of expected type: {kind.name}")


def _shape(value: Any) -> list[int]:
    """The shape that a tensor has if its first values tell."""
    shape = list[int]()
    while type(value) is list:
        if len(shape) == MAX_RANK:
            raise too_deep()
        shape.append(len(value))
        value = value[0] if value else None
    return shape


def _is_object(value: Any) -> bool:
    return type(value) is dict and not is_base64(value)


def _listed(shape: Sequence[int]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _wrong(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)
