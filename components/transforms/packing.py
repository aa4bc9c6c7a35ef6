"""Lists of numbers as protobuf packs them, for a whole batch at once.

A packed field is its numbers one after the other, int64 as base-128 varints and float32 in four little-endian bytes:
https://protobuf.dev/programming-guides/encoding/#packed. numpy writes a batch's numbers in a handful of passes.
"""

import itertools

import numpy as np

_PAYLOAD_BITS = 7


def packed_rows(values: np.ndarray, splits: np.ndarray) -> list[bytes]:
    """The packed numbers of each row.

    Args:
        values: int64 or float32 `(values,)`, the rows' numbers one row after the other.
        splits: int64 `(rows + 1,)`: row i is `values[splits[i]:splits[i + 1]]`.
    """
    if values.dtype == np.float32:
        content, ends = values.astype("<f4").tobytes(), splits * 4
    else:
        content, ends = _varints(values, splits)
    places = ends.tolist()
    return [content[begin:end] for begin, end in itertools.pairwise(places)]


def _varints(values: np.ndarray, splits: np.ndarray) -> tuple[bytes, np.ndarray]:
    """All varints in one line, and where each row begins and ends in it."""
    numbers = values.astype(np.int64).view(np.uint64)  # negative numbers as two's complement, ten bytes long
    sizes = np.ones(len(numbers), np.int64)
    largest = int(numbers.max(initial=0))
    for bits in range(_PAYLOAD_BITS, max(largest.bit_length(), 1), _PAYLOAD_BITS):
        sizes += numbers >= np.uint64(1 << bits)
    ends = np.concatenate([[0], np.cumsum(sizes)])
    content = np.zeros(int(ends[-1]), np.uint8)
    for place in range(int(sizes.max(initial=0))):
        longer = np.flatnonzero(sizes > place)
        payload = (numbers[longer] >> np.uint64(_PAYLOAD_BITS * place)) & np.uint64(0x7F)
        more = (sizes[longer] > place + 1).astype(np.uint8) << 7
        content[ends[longer] + place] = payload.astype(np.uint8) | more
    return content.tobytes(), ends[splits]
