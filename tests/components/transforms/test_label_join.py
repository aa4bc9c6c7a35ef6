"""Delayed labels, joined to what was predicted."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from apache_beam.pvalue import TaggedOutput

from components.example_gen import units_of
from components.sources import sources_of
from components.transforms.label_join import DayTally, Joined, LabelJob, ReadLabels
from components.transforms.readers import Source, make_reader
from components.transforms.request_logs import key_of
from components.transforms.served import LabelFiles, read_logs
from schemas.config import BeamConfig, DataConfig
from tests.components.prediction_logs import DAY, NOW, classified, predicted, write_log
from tests.components.transforms.test_request_logs import JOB

TODAY = (NOW - 60) // DAY


def _joined(tmp_path: Path, records: list[bytes], labels: list[list[str]], **changes: Any) -> Joined:
    log = write_log(tmp_path / "requests.tfrecord", records)
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(labels)
    key, label = labels[0]
    data = DataConfig(format="csv", splits={"train": "labels.csv"}, features={"key": key}, label=label)
    reader = make_reader(data, tmp_path)
    separator = changes.pop("separator", "")
    files = LabelFiles(units_of(reader, list(sources_of(data, tmp_path))), LabelJob(reader, (key,), label, separator))
    job = replace(JOB, folder=str(tmp_path), joined_since=NOW - 3 * DAY, **changes)
    served = read_logs([Source("logs", str(log), log.name)], job, files, BeamConfig())
    assert served.joined is not None
    return served.joined


def test_labels_by_what_was_asked(tmp_path: Path) -> None:
    found = _joined(
        tmp_path,
        [
            predicted(["a", "b", "c", "d"], ["x", "x", "y", "y"]),
            predicted(["a"], ["y"], version=8),
            predicted(["e"], ["x"], time=NOW - 2 * DAY),
            predicted(["f"], ["x"], time=NOW - 3 * DAY),
        ],
        [
            ["text", "truth"],
            ["a", "x"], ["b", "y"], ["c", "y"], ["e", " x "],
            ["d", "x"], ["d", "y"],
            ["never asked", "x"], ["f", "x"], ["c", ""],
        ],
    )  # fmt: skip
    two_days_ago = (NOW - 2 * DAY) // DAY
    assert found.days == (
        DayTally(version=7, day=two_days_ago, answers=1, labelled=1, right=1),
        DayTally(version=7, day=TODAY, answers=4, labelled=3, right=2),
        DayTally(version=8, day=TODAY, answers=1, labelled=1, right=0),
    )
    assert (found.labels, found.malformed, found.contradicting, found.unmatched) == (9, 1, 1, 2)
    assert list(found.told()) == [
        "rows of labels without a key or a label, left out: 1 of 9",
        "keys whose labels contradict each other, left out: 1",
        "keys of labels that no logged answer has: 2",
    ]


def test_labels_by_a_key_of_the_requests(tmp_path: Path) -> None:
    rows = [{"text": "same", "ticket": 17}, {"text": "same", "ticket": 18}, {"text": "same"}]
    found = _joined(
        tmp_path,
        [classified(rows, ["x", "x", "x"])],
        [["ticket", "truth"], ["17", "x"], ["18", "y"]],
        key="ticket",
    )
    assert found.days == (DayTally(version=7, day=TODAY, answers=2, labelled=2, right=1),)
    assert found.unmatched == 0


def test_sets_of_labels_have_no_order(tmp_path: Path) -> None:
    found = _joined(tmp_path, [predicted(["a", "b"], ["x|y", "x"])], [["text", "truth"], ["a", "y;x"], ["b", "y;x"]],
                    separator=";")  # fmt: skip
    assert found.days == (DayTally(version=7, day=TODAY, answers=2, labelled=2, right=1),)


@pytest.mark.parametrize(
    ("label", "separator", "expected"),
    [
        (["y", "x", "y"], ";", b"x|y"),
        ([], ";", b""),
        ("y; x;", ";", b"x|y"),
        (None, ";", None),
        (["x"], "", None),
        ("\u2003x ", "", b"x"),
        (True, "", b"true"),
    ],
)
def test_labels_are_what_training_takes_them_for(
    tmp_path: Path, label: object, separator: str, expected: bytes | None
) -> None:
    (tmp_path / "l.jsonl").write_text(json.dumps({"text": "a", "truth": label}) + "\n")
    data = DataConfig(format="jsonl", splits={"train": "l.jsonl"}, features={"key": "text"}, label="truth")
    reader = make_reader(data, tmp_path)
    (unit,) = units_of(reader, list(sources_of(data, tmp_path)))
    labels, read = _split(ReadLabels(LabelJob(reader, ("text",), "truth", separator)).process(unit))
    assert labels == ([] if expected is None else [(key_of([b"a"]), expected)])
    assert read == Joined(labels=1, malformed=int(expected is None))


def _split(found: Iterator[object]) -> tuple[list[object], object]:
    """Labels, and what was met."""
    *labels, read = found
    assert isinstance(read, TaggedOutput)
    return labels, read.value


def test_no_label_has_come_yet(tmp_path: Path) -> None:
    found = _joined(tmp_path, [predicted(["a"], ["x"])], [["text", "truth"]])
    assert found == Joined(days=(DayTally(version=7, day=TODAY, answers=1),))
