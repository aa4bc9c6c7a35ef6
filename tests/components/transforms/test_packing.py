import random

import numpy as np
import pytest

from components.transforms.packing import packed_rows


def int64_list(values: list[int]) -> bytes:
    """What protobuf writes for the packed numbers alone."""
    from tensorflow.core.example import feature_pb2

    whole = feature_pb2.Int64List(value=values).SerializeToString()
    field = feature_pb2.Int64List.FromString(whole)
    assert list(field.value) == values
    return whole


EDGES = [0, 1, 127, 128, 16383, 16384, (1 << 21) - 1, 1 << 21, (1 << 62), (1 << 63) - 1, -1, -(1 << 63)]


def rows_of(values: list[list[int]]) -> list[bytes]:
    splits = np.cumsum([0, *map(len, values)])
    return packed_rows(np.array([v for row in values for v in row], np.int64), splits)


@pytest.mark.parametrize("values", [[[]], [EDGES], [[], [5], [], [300, 2], EDGES, []]], ids=["empty", "edges", "rows"])
def test_integers_are_packed_as_protobuf_packs_them(values: list[list[int]]) -> None:
    for packed, row in zip(rows_of(values), values, strict=True):
        expected = int64_list(row)
        assert packed == expected[len(expected) - len(packed) :]
        assert len(expected) - len(packed) <= 3


def test_random_integers() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)  # noqa: T201
    draw = random.Random(seed)
    values = [[draw.randrange(1 << draw.randrange(1, 63)) for _ in range(draw.randrange(9))] for _ in range(200)]
    for packed, row in zip(rows_of(values), values, strict=True):
        assert int64_list(row).endswith(packed)


def test_floats_are_little_endian_singles() -> None:
    rows = packed_rows(np.array([1.5, -2.0, 0.25], np.float32), np.array([0, 2, 2, 3]))
    assert [np.frombuffer(row, "<f4").tolist() for row in rows] == [[1.5, -2.0], [], [0.25]]
