"""An accumulator as JSON and arrays, and back: how it is kept between runs. Nothing of it can run code.

What reads it back is an empty accumulator of the same columns: it says which class is where, so the file need not.
"""

from collections import Counter
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np

AccumulatorT = TypeVar("AccumulatorT")

Arrays = dict[str, np.ndarray]


def state_of(value: Any, arrays: Arrays) -> Any:  # whatever an accumulator consists of
    """What is to be written of an accumulator; its arrays are added to `arrays`, and named in their place."""
    if isinstance(value, np.ndarray):
        name = str(len(arrays))
        arrays[name] = value
        return {"array": name}
    if is_dataclass(value):
        return {field.name: state_of(getattr(value, field.name), arrays) for field in fields(value)}
    if isinstance(value, Counter):
        return sorted(value.items())
    if isinstance(value, dict):
        return {name: state_of(item, arrays) for name, item in value.items()}
    if isinstance(value, list):
        return [state_of(item, arrays) for item in value]
    return {"bytes": value.hex()} if isinstance(value, bytes) else value


def restored(like: AccumulatorT, state: Any, arrays: Arrays) -> AccumulatorT:
    """The accumulator of which `state_of` gave a state.

    Args:
        like: an empty one with the same columns.
    """
    return _restored(like, state, arrays)


def _restored(like: Any, state: Any, arrays: Arrays) -> Any:
    if isinstance(like, np.ndarray):
        return arrays[state["array"]]
    if is_dataclass(like) and not isinstance(like, type):
        found = {field.name: _restored(getattr(like, field.name), state[field.name], arrays) for field in fields(like)}
        return replace(like, **found)
    if isinstance(like, Counter):
        return Counter(dict(state))
    if isinstance(like, dict):
        return {name: _restored(item, state[name], arrays) for name, item in like.items()}
    if isinstance(state, list):
        return [_restored(None, item, arrays) for item in state]
    return bytes.fromhex(state["bytes"]) if isinstance(state, dict) else state
