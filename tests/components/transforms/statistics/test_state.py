"""Accumulators as JSON and arrays: what comes back is what went in."""

import json
import random

import numpy as np

from components.transforms.statistics.features import SplitStatistics
from components.transforms.statistics.state import restored, state_of

COLUMNS = {"array": "BYTES", "number": "FLOAT", "whole": "INT", "picture": "BYTES"}


def observed(seed: int) -> SplitStatistics:
    draw = random.Random(seed)
    statistics = SplitStatistics.create(COLUMNS, ("array",), ("picture",))
    statistics.examples = draw.randrange(1 << 70)
    features = statistics.features
    features["array"].add_lengths(np.array([1, 0, 2]))
    features["array"].text.empty_rows = [b"a.csv:1", b"\xff\x00"]
    features["number"].numbers.add(np.array([draw.random(), np.nan, 3e38, -0.0], np.float32))
    features["whole"].numbers.add(np.array([draw.randrange(1 << 62) for _ in range(5000)]))
    features["picture"].images.formats.update(["png", "jpeg", "png"])
    features["picture"].images.channels.update([3, 1, 3])
    return statistics


def same(one: object, other: object) -> bool:
    arrays: list[dict[str, np.ndarray]] = [{}, {}]
    states = [json.dumps(state_of(value, mine)) for value, mine in zip((one, other), arrays, strict=True)]
    equal = [np.array_equal(arrays[0][name], arrays[1][name], equal_nan=True) for name in arrays[0]]
    return states[0] == states[1] and all(equal)


def test_a_state_comes_back_through_json() -> None:
    statistics, arrays = observed(1), dict[str, np.ndarray]()
    state = json.loads(json.dumps(state_of(statistics, arrays)))
    again = restored(SplitStatistics.create(COLUMNS, ("array",), ("picture",)), state, arrays)
    assert same(again, statistics)
    assert again.examples == statistics.examples
    assert again.features["array"].text.empty_rows == [b"a.csv:1", b"\xff\x00"]
    assert again.features["picture"].images.formats == {"png": 2, "jpeg": 1}
    assert again.features["whole"].numbers.moments.squares == statistics.features["whole"].numbers.moments.squares


def test_what_came_back_merges_as_the_original() -> None:
    arrays: dict[str, np.ndarray] = {}
    state = json.loads(json.dumps(state_of(observed(1), arrays)))
    again = restored(SplitStatistics.create(COLUMNS, ("array",), ("picture",)), state, arrays)
    expected = observed(1)
    again.merge(observed(2))
    expected.merge(observed(2))
    assert same(again, expected)
    assert not same(again, observed(1))
