"""Which spans a run reads: on real folders, with the clock given."""

import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from components.span_splits import data_of_spans
from components.spans import FoundSpans, find_spans, settled_spans, vanished
from schemas.config import DataConfig
from schemas.errors import DataError
from schemas.spans import Span
from tests.components.span_folders import LONG_AGO, NOW, config, numbers, put, write_six


@pytest.fixture
def six(tmp_path: Path) -> Path:
    return write_six(tmp_path)


@pytest.mark.parametrize(
    ("spans", "read"),
    [
        ({}, [1, 2, 3, 5, 6]),
        ({"window": 1}, [6]),
        ({"window": 3}, [3, 5, 6]),
        ({"window": 30}, [1, 2, 3, 5, 6]),
        ({"range": [2, 5]}, [2, 3, 5]),
        ({"exclude": [6, 2]}, [1, 3, 5]),
        ({"window": 2, "exclude": [5]}, [3, 6]),
        ({"range": [4, 4]}, []),
    ],
)
def test_windows_ranges_and_exclusions(six: Path, spans: dict[str, Any], read: list[int]) -> None:
    data = config(**spans)
    assert numbers(data, six) == read


def test_days_are_spans(tmp_path: Path) -> None:
    for day in ("2026-10-31", "2026-11-01", "2026-11-25"):
        put(tmp_path / "data" / day / "rows.csv")
    data = config("data/{YYYY}-{MM}-{DD}/*.csv", range=["2026-11-01", "2026-12-31"])
    assert settled_spans(data, tmp_path, NOW) == (Span(20758, 0, True), Span(20782, 0, True))
    assert str(settled_spans(data, tmp_path, NOW)[-1]) == "2026-11-25"


def test_the_newest_version_of_a_span_counts(tmp_path: Path) -> None:
    for name in ("span-1/v1", "span-1/v9", "span-1/v10", "span-2/v3"):
        put(tmp_path / "data" / name / "rows.csv")
    data = config("data/span-{SPAN}/v{VERSION}/*.csv")
    found = find_spans(data, tmp_path, NOW)
    assert found.spans == (Span(1, 10), Span(2, 3))
    assert data_of_spans(data, found, tmp_path).splits == {
        "train": ("data/span-1/v10/rows.csv", "data/span-2/v3/rows.csv")
    }


def test_spans_come_in_order_of_number_whatever_their_names(tmp_path: Path) -> None:
    for number in (9, 10, 100):
        put(tmp_path / f"{number}.csv")
    data = config("{SPAN}.csv")
    found = find_spans(data, tmp_path, NOW)
    assert data_of_spans(data, found, tmp_path).splits == {"train": ("9.csv", "10.csv", "100.csv")}


def test_a_span_settles_once_its_youngest_file_is_old_enough(six: Path) -> None:
    put(six / "data" / "span-6" / "more.csv", changed=NOW - 30)
    assert numbers(config(), six) == [1, 2, 3, 5]
    assert numbers(config(settle_seconds=31), six) == [1, 2, 3, 5]
    assert numbers(config(settle_seconds=30), six) == [1, 2, 3, 5, 6]
    assert [span.number for span in settled_spans(config(), six, NOW + 30)] == [1, 2, 3, 5, 6]


def test_what_waits_is_said_in_one_line(six: Path) -> None:
    put(six / "data" / "span-6" / "rows.csv", changed=NOW - 12)
    put(six / "data" / "span-5" / "rows.csv", changed=NOW + 3600)
    found = find_spans(config(), six, NOW)
    assert found.left_for_later() == (
        "left for the next run, still being written: span 6 (changed 12 s ago, settles after 60 s); "
        "5 (dated 3600 s in the future)"
    )
    assert find_spans(config(), six, NOW + 100_000).left_for_later() == ""


def test_many_that_wait_are_counted(six: Path) -> None:
    found = find_spans(config(marker="_SUCCESS"), six, NOW)
    assert found.spans == ()
    told = "; ".join(f"{number} (no _SUCCESS in data/span-{number})" for number in (6, 5, 3))
    assert found.left_for_later().endswith(f": span {told}; and 2 more")


def test_a_marker_settles_a_span_at_once(six: Path) -> None:
    put(six / "data" / "span-6" / "rows.csv", changed=NOW)
    put(six / "data" / "span-6" / "_SUCCESS", "", changed=NOW)
    data = config("data/span-{SPAN}/*", marker="_SUCCESS")
    found = find_spans(data, six, NOW)
    assert found.spans == (Span(6),)
    assert data_of_spans(data, found, six).splits == {"train": ("data/span-6/rows.csv",)}
    assert settled_spans(config(marker="_SUCCESS", settle_seconds=5), six, NOW) == ()


def test_what_comes_while_a_span_is_looked_at_is_not_missed(tmp_path: Path) -> None:
    """The last training file and the marker come once training files are listed, and before test files are."""
    span = tmp_path / "data" / "span-1"
    for name in ("train-a.csv", "test-a.csv"):
        put(span / name)
    awaited = {"test*.csv"}

    def finish(event: str, arguments: tuple[object, ...]) -> None:
        if event == "glob.glob" and arguments[0] in awaited:
            awaited.clear()
            put(span / "train-b.csv")
            put(span / "_SUCCESS", "")

    sys.addaudithook(finish)  # stays, and does nothing from then on
    splits = {name: f"data/span-{{SPAN}}/{name}*.csv" for name in ("train", "test")}
    data = config(splits=splits, marker="_SUCCESS")
    assert find_spans(data, tmp_path, NOW).read == ()
    assert not awaited
    (found,) = find_spans(data, tmp_path, NOW).read
    assert found.of("train") == ("data/span-1/train-a.csv", "data/span-1/train-b.csv")


def test_an_older_version_serves_while_a_newer_one_is_written(tmp_path: Path) -> None:
    put(tmp_path / "data" / "span-1" / "v1" / "rows.csv")
    put(tmp_path / "data" / "span-1" / "v2" / "rows.csv", changed=NOW)
    found = find_spans(config("data/span-{SPAN}/v{VERSION}/*.csv"), tmp_path, NOW)
    assert found.spans == (Span(1, 1),)
    assert [one.span for one in found.waiting] == [Span(1, 2)]


def test_spans_that_hold_nothing_are_known_and_not_read(six: Path) -> None:
    folder = six / "data" / "span-7"
    folder.mkdir()
    os.utime(folder, (LONG_AGO, LONG_AGO))
    put(six / "data" / "span-8" / "rows.csv", "")
    found = find_spans(config(window=2), six, NOW)
    assert found.spans == (Span(5), Span(6))
    assert [one.span for one in found.empty] == [Span(7), Span(8)]
    assert found.empty_places == ("data/span-7", "data/span-8")


def test_a_folder_that_was_just_made_waits(six: Path) -> None:
    folder = six / "data" / "span-7"
    folder.mkdir()
    os.utime(folder, (NOW, NOW))
    found = find_spans(config(), six, NOW)
    assert [one.span for one in found.waiting] == [Span(7)]
    assert found.empty == ()


def test_several_folders_of_one_span_are_one(tmp_path: Path) -> None:
    for region in ("eu", "us"):
        put(tmp_path / region / "span-1" / "rows.csv")
    data = config("*/span-{SPAN}/*.csv")
    found = find_spans(data, tmp_path, NOW)
    assert data_of_spans(data, found, tmp_path).splits == {"train": ("eu/span-1/rows.csv", "us/span-1/rows.csv")}


def test_a_span_that_is_spelled_twice_is_a_mistake(six: Path) -> None:
    put(six / "data" / "span-06" / "rows.csv")
    with pytest.raises(DataError, match=r"`data/span-06` and `data/span-6` both spell span 6. Remove one"):
        find_spans(config(), six, NOW)
    assert numbers(config("data/span-{SPAN:1}/*.csv"), six) == [1, 2, 3, 5, 6]


def test_a_day_that_does_not_exist_is_a_mistake(tmp_path: Path) -> None:
    put(tmp_path / "2026-02-30.csv")
    with pytest.raises(DataError, match=r"`2026-02-30.csv` fits '{YYYY}-{MM}-{DD}.csv' and names no day"):
        find_spans(config("{YYYY}-{MM}-{DD}.csv"), tmp_path, NOW)


def test_a_marker_among_pictures_is_hidden(tmp_path: Path) -> None:
    put(tmp_path / "1" / "cat" / "a.png", changed=NOW)
    put(tmp_path / "2" / "cat" / "a.png")
    put(tmp_path / "1" / ".done", "")
    assert numbers(config("{SPAN}", format="image-folder", marker=".done"), tmp_path) == [1]


def test_spans_of_pictures(tmp_path: Path) -> None:
    for number in (1, 2):
        put(tmp_path / "data" / str(number) / "train" / "cat" / "a.png")
    put(tmp_path / "data" / "2" / "train" / "dog" / "b.png", changed=NOW - 10)
    (tmp_path / "data" / "3" / "train" / "cat").mkdir(parents=True)
    os.utime(tmp_path / "data" / "3", (LONG_AGO, LONG_AGO))
    data = config("data/{SPAN}/train", format="image-folder")
    found = find_spans(data, tmp_path, NOW)
    assert found.spans == (Span(1),)
    assert [one.span for one in found.waiting] == [Span(2)]
    assert [one.span for one in found.empty] == [Span(3)]
    assert numbers(config("data/{SPAN}/train", format="image-folder", settle_seconds=10), tmp_path) == [1, 2]


def test_what_vanishes_is_named(six: Path) -> None:
    found = find_spans(config(), six, NOW)
    assert vanished(found, six) is None
    shutil.rmtree(six / "data" / "span-3")
    assert "Span 3 vanished while it was read: `data/span-3/rows.csv` is gone." in str(vanished(found, six))


def test_data_without_spans_has_none(tmp_path: Path) -> None:
    data = DataConfig.model_validate(
        {"format": "csv", "splits": {"train": "a.csv"}, "features": {"text": "text"}, "label": "label"}
    )
    assert find_spans(data, tmp_path) == FoundSpans()


def test_any_window_is_the_tail_of_what_is_let_in(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    there = {number: chance.sample(range(1, 20), chance.randint(1, 3)) for number in chance.sample(range(300), 60)}
    young = set(chance.sample(sorted(there), 10))
    for number, versions in there.items():
        for version in versions:
            newest = version == max(versions)
            changed = NOW - 1 if number in young and newest else LONG_AGO
            put(tmp_path / f"{number:03}" / f"{version}.csv", changed=changed)
    settled = {n: sorted(v)[-2:][0] if n in young else max(v) for n, v in there.items() if n not in young or len(v) > 1}
    for _ in range(20):
        window = chance.choice([None, chance.randint(1, 70)])
        exclude = chance.sample(range(300), chance.randint(0, 100))
        data = config("{SPAN:3}/{VERSION}.csv", window=window, exclude=exclude)
        expected = [Span(n, settled[n]) for n in sorted(settled) if n not in exclude][-(window or 0) :]
        assert list(settled_spans(data, tmp_path, NOW)) == expected, f"seed={seed}"


def test_the_newest_of_a_thousand_spans_is_found_without_looking_into_all(tmp_path: Path) -> None:
    for number in range(1000):
        folder = tmp_path / f"span-{number}"
        folder.mkdir()
        for name in ("train.csv", "test.csv"):
            (folder / name).write_text("label,text\na,b\n")
    looks: list[object] | None = []

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event == "glob.glob" and looks is not None:
            looks.append(arguments)

    sys.addaudithook(note)  # stays, and does nothing once `looks` is None
    splits = {"train": "span-{SPAN}/train*.csv", "test": "span-{SPAN}/test.csv"}
    newest, whole = (config(splits=splits, settle_seconds=0, window=window) for window in (1, None))
    assert settled_spans(newest, tmp_path) == (Span(999),)
    assert len(looks) == 1
    assert len(settled_spans(whole, tmp_path)) == 1000
    assert len(looks) == 1001
    looks = None
