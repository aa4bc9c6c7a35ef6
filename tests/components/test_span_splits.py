"""What each split reads of the spans that are there."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import DataError
from tests.components.span_folders import concrete, config, put, write_six


@pytest.fixture
def six(tmp_path: Path) -> Path:
    return write_six(tmp_path)


SPLITS = {"train": "data/span-{SPAN}/train*.csv", "test": "data/span-{SPAN}/test.csv"}


@pytest.fixture
def two_splits(tmp_path: Path) -> Path:
    for number in (1, 2, 3):
        put(tmp_path / "data" / f"span-{number}" / "train-a.csv")
        put(tmp_path / "data" / f"span-{number}" / "test.csv")
    return tmp_path


def test_every_split_is_read_from_all_spans_of_the_window(two_splits: Path) -> None:
    assert concrete(config(splits=SPLITS, window=2), two_splits) == {
        "train": ("data/span-2/train-a.csv", "data/span-3/train-a.csv"),
        "test": ("data/span-2/test.csv", "data/span-3/test.csv"),
    }


def test_a_split_may_be_the_newest_span_s_alone(two_splits: Path) -> None:
    (two_splits / "data" / "span-2" / "test.csv").unlink()  # not looked at
    assert concrete(config(splits=SPLITS, newest_only="test"), two_splits) == {
        "train": ("data/span-1/train-a.csv", "data/span-2/train-a.csv", "data/span-3/train-a.csv"),
        "test": ("data/span-3/test.csv",),
    }


def test_with_one_pattern_the_newest_span_judges_what_the_earlier_ones_taught(six: Path) -> None:
    one = "data/span-{SPAN}/*.csv"
    data = config(splits={"train": one, "test": one}, window=3, newest_only=["test"])
    assert concrete(data, six) == {
        "train": ("data/span-3/rows.csv", "data/span-5/rows.csv"),
        "test": ("data/span-6/rows.csv",),
    }
    for number in (1, 2, 3, 5):
        shutil.rmtree(six / "data" / f"span-{number}")
    with pytest.raises(DataError, match=r"Split `train` is left without files: `test` takes those of span 6"):
        concrete(data, six)


def test_globs_without_spans_stay_as_they_are(two_splits: Path) -> None:
    splits = {"train": ["old/*.csv", SPLITS["train"]], "test": "fixed.csv"}
    assert concrete(config(splits=splits, window=1), two_splits) == {
        "train": ("old/*.csv", "data/span-3/train-a.csv"),
        "test": ("fixed.csv",),
    }


def test_a_span_that_lacks_a_split_is_a_mistake(two_splits: Path) -> None:
    (two_splits / "data" / "span-2" / "test.csv").unlink()
    message = "span 2 has files of `train` and none of `test`. Add them, or add 2 to `data.spans.exclude`"
    with pytest.raises(DataError, match=message):
        concrete(config(splits=SPLITS), two_splits)
    assert concrete(config(splits=SPLITS, exclude=[2]), two_splits)["test"] == (
        "data/span-1/test.csv",
        "data/span-3/test.csv",
    )


def test_patterns_that_find_different_spans_are_a_mistake(two_splits: Path) -> None:
    put(two_splits / "test" / "2.csv")
    data = config(splits={"train": SPLITS["train"], "test": "test/{SPAN}.csv"})
    with pytest.raises(DataError, match=r"span 1 has files of `train` and none of `test`"):
        concrete(data, two_splits)


@pytest.mark.parametrize(
    ("pattern", "spans", "message"),
    [
        ("nowhere/{SPAN}.csv", {}, "There is no span to read: `nowhere/{SPAN}.csv`, looked for in .*lets in"),
        (
            "data/span-{SPAN}/*.csv",
            {"marker": "_DONE"},
            "There is no span to read.*no _DONE in data/span-6.*Wait for it",
        ),
        ("data/span-{SPAN}", {}, "`data/span-{SPAN}` must name files.*a folder. Did you mean `data/span-{SPAN}/.`"),
        ("data/span-{SPAN}/*.json", {}, "with files of no bytes only: 1-3, 5-6"),
    ],
)
def test_no_span_at_all_is_a_mistake(six: Path, pattern: str, spans: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        concrete(config(pattern, **spans), six)


def test_a_pattern_that_ends_with_a_folder_is_a_mistake(six: Path) -> None:
    splits = {"train": "data/span-{SPAN}", "test": "data/span-{SPAN}/*.csv"}
    with pytest.raises(DataError, match=r"`data/span-{SPAN}` must name files. Received: `data/span-1`, a folder"):
        concrete(config(splits=splits), six)


def test_patterns_may_be_absolute(six: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    data = config(f"{six}/data/span-{{SPAN}}/*.csv", window=1)
    assert concrete(data, elsewhere) == {"train": (f"{six}/data/span-6/rows.csv",)}
