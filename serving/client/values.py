"""Python's values as arrays that a model takes, and what it answered as Python's strings."""

from typing import Any

import numpy as np

from serving.client.wire import Array, TensorLayout


def as_input(name: str, value: Any, layout: TensorLayout | None) -> Array:
    """An array of an input's type: strings become UTF-8, and numbers are converted where nothing of their kind is lost.

    Args:
        name: the input, for the error.
        value: an array, a value, or nested sequences of values.
        layout: the input's type; None if it is unknown, then the array's own.

    Raises:
        ValueError: the value does not fit the type.
    """
    wanted = None if layout is None else layout.dtype
    given = np.asarray(value, None if isinstance(value, np.ndarray) else np.object_)
    if given.dtype.kind in "USO" and any(isinstance(one, str | bytes) for one in given.flat):
        if wanted is not None and not wanted.hasobject:
            raise ValueError(f"`{name}` must be numbers of type {wanted}. Received: strings")
        return _encoded(name, given)
    array = np.asarray(value)
    if wanted is None or array.dtype == wanted:
        return array
    if array.size and (wanted.hasobject or not np.can_cast(array.dtype, wanted, "same_kind")):
        kind = "strings" if wanted.hasobject else f"numbers of type {wanted}"
        raise ValueError(f"`{name}` must be {kind}. Received: {array.dtype}")
    return array.astype(wanted)


def as_strings(array: Array) -> Array:
    """Strings of an answer as `str`; those that are not UTF-8 stay `bytes`. Numbers are left alone."""
    return _each(array, _decoded) if array.dtype.hasobject else array


def _encoded(name: str, array: Array) -> Array:
    if not all(isinstance(value, str | bytes) for value in array.flat):
        raise ValueError(f"`{name}` must be strings of one shape. Received: {array.flat[0]!r:.80}, ...")
    return _each(array, lambda value: value.encode() if isinstance(value, str) else value)


def _decoded(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _each(array: Array, change: Any) -> Array:
    changed = np.empty(array.shape, np.object_)
    for index, value in np.ndenumerate(array):
        changed[index] = change(value)
    return changed
