"""JSON's numbers as arrays, those beyond a float among them. (A warning of numpy's would fail a test.)"""

import math

import numpy as np
import pytest

from serving.protos import types_pb2
from serving.rest.kinds import Kind, kind_of

FLOAT, HALF, BFLOAT16 = map(kind_of, (types_pb2.DT_FLOAT, types_pb2.DT_HALF, types_pb2.DT_BFLOAT16))


@pytest.mark.parametrize("times", [1, 100])
@pytest.mark.parametrize(
    ("kind", "value", "held"),
    [
        (FLOAT, 0.5, 0.5),
        (FLOAT, 3.4028234663852886e38, 3.4028234663852886e38),  # the largest
        (FLOAT, 3.4028235e38, 3.4028234663852886e38),  # rounded down to it
        (FLOAT, 1e39, math.inf),
        (FLOAT, -1e39, -math.inf),
        (FLOAT, 10**300, math.inf),
        (HALF, 65504, 65504.0),
        (HALF, -70000.0, -math.inf),
        (BFLOAT16, 1.0078125, 1.0078125),
        (kind_of(types_pb2.DT_DOUBLE), 1e308, 1e308),
    ],
)
def test_floats_as_near_as_they_can_be(kind: Kind, value: float, held: float, times: int) -> None:
    array = kind.array([value] * times)
    assert array.dtype == kind.dtype
    assert [float(one) for one in array] == [held] * times


@pytest.mark.parametrize("values", [[math.nan, 1e39, 1.0], [1.0, math.nan, 1e39], [1e39, 1.0, math.nan]])
def test_what_is_not_a_number_hides_nothing(values: list[float]) -> None:
    wanted = [math.inf if value == 1e39 else value for value in values]
    np.testing.assert_array_equal(FLOAT.array(values), np.float32(wanted))


def test_no_values_and_other_types() -> None:
    assert FLOAT.array([]).shape == (0,)
    assert kind_of(types_pb2.DT_INT64).array([-(1 << 63), 5]).tolist() == [-(1 << 63), 5]
    assert kind_of(types_pb2.DT_BOOL).array([True, False]).tolist() == [True, False]
