"""Sides of rows."""

from components.transforms.splits import Splitter
from schemas.config import HoldoutConfig

HOLDOUT = HoldoutConfig.model_validate({"eval": 0.2, "check": 0.1})
GOLDEN = ["train", "check", "check", "train", "eval", "check", "train", "train", "train", "eval", "train", "train"]


def test_golden_sides() -> None:
    """The hash never changes: a data set's sides outlive this program's versions."""
    splitter = Splitter("train", HOLDOUT)
    assert splitter.names == ("train", "eval", "check")
    sides = [splitter.assign(b"row %d" % i) for i in range(12)]
    assert sides == GOLDEN


def test_shares_come_out() -> None:
    splitter = Splitter("train", HOLDOUT)
    sides = [splitter.assign(b"row %d" % i) for i in range(20_000)]
    assert abs(sides.count("eval") / 20_000 - 0.2) < 0.01
    assert abs(sides.count("check") / 20_000 - 0.1) < 0.01


def test_other_splits_are_left_whole() -> None:
    for splitter in (Splitter("test", HOLDOUT), Splitter("train", None)):
        (name,) = splitter.names
        assert {splitter.assign(b"row %d" % i) for i in range(100)} == {name}


def test_held_out_rows_stay_when_another_holdout_is_added_after() -> None:
    one, two = Splitter("train", HoldoutConfig.model_validate({"eval": 0.2})), Splitter("train", HOLDOUT)
    for i in range(1000):
        row = b"row %d" % i
        assert (one.assign(row) == "eval") == (two.assign(row) == "eval")
