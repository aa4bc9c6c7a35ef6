from typing import Any

import numpy as np
import pytest

from serving.client.values import as_input, as_strings
from serving.client.wire import TensorLayout

FLOATS, INTS, STRINGS = (TensorLayout(np.dtype(kind), (-1,)) for kind in (np.float32, np.int64, np.object_))


@pytest.mark.parametrize(
    ("value", "layout", "expected"),
    [
        ([1, 2], FLOATS, np.array([1, 2], np.float32)),
        ([1.5], FLOATS, np.array([1.5], np.float32)),
        (7, INTS, np.array(7, np.int64)),
        ([], INTS, np.array([], np.int64)),
        (np.arange(3, dtype=np.int32), INTS, np.arange(3)),
        (np.arange(3, dtype=np.int32), None, np.arange(3, dtype=np.int32)),
    ],
)
def test_numbers_become_what_the_model_takes(value: Any, layout: TensorLayout | None, expected: np.ndarray) -> None:
    array = as_input("x", value, layout)
    assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(array, expected)


def test_strings_become_utf_8_and_come_back() -> None:
    array = as_input("text", [["à", b"\xff\x00"]], STRINGS)
    assert array.tolist() == [["à".encode(), b"\xff\x00"]]
    assert as_strings(array).tolist() == [["à", b"\xff\x00"]]
    assert as_input("text", "one", None).item() == b"one"
    assert as_strings(np.array([1.0])).tolist() == [1.0]


@pytest.mark.parametrize(
    ("value", "layout", "said"),
    [
        (["a"], FLOATS, "`x` must be numbers of type float32. Received: strings"),
        ([1], STRINGS, "`x` must be strings. Received: int64"),
        ([1.5], INTS, "`x` must be numbers of type int64. Received: float64"),
        ([None, "a"], STRINGS, "`x` must be strings of one shape"),
    ],
)
def test_what_does_not_fit_is_told(value: Any, layout: TensorLayout, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        as_input("x", value, layout)
