import numpy as np
import pytest

from models.layers.masked_pooling import MaskedPooling

STATES = np.array([[[1, -5], [3, -7], [99, 99]], [[-2, -4], [99, 99], [99, 99]]], np.float32)
LENGTHS = np.array([2, 1], np.int32)


@pytest.mark.parametrize(
    ("mode", "bidirectional", "expected"),
    [
        ("max", True, [[3, -5], [-2, -4]]),
        ("mean", True, [[2, -6], [-2, -4]]),
        ("max_mean", True, [[3, -5, 2, -6], [-2, -4, -2, -4]]),
        ("last", False, [[3, -7], [-2, -4]]),
        ("last", True, [[3, -5], [-2, -4]]),
    ],
)
def test_pooling_leaves_padding_out(mode: str, bidirectional: bool, expected: list) -> None:
    layer = MaskedPooling(mode, bidirectional=bidirectional)
    np.testing.assert_array_equal(layer(STATES, LENGTHS), np.array(expected, np.float32))
    assert tuple(layer.compute_output_spec(STATES, LENGTHS).shape) == np.shape(expected)
