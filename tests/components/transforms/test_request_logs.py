"""Request logs become examples by version; what cannot be used is counted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.transforms.readers import Source
from components.transforms.request_logs import LogCounts, LogJob
from components.transforms.served import Served, measure, read_logs
from components.transforms.tfrecords import read_batches
from components.validation.served import LABEL, SCORE
from schemas.artifacts import Examples
from schemas.config import BeamConfig
from schemas.ingestion import SOURCE
from tests.components.prediction_logs import DAY, NOW, classified, pictured, predicted, regressed, write_log
from tests.components.scenes import png, scene

JOB = LogJob(
    model="tickets",
    task="classification",
    served="/nowhere",
    features={"text": "text"},
    columns={"text": "BYTES", "age": "INT"},
    until=NOW,
    since=NOW - DAY,
    joined_since=None,
    key=None,
    folder="",
)


def _read(tmp_path: Path, *paths: Path, **changes: Any) -> tuple[Served, LogJob]:
    folder = tmp_path / "examples"
    folder.mkdir()
    job = replace(JOB, folder=str(folder), **changes)
    return read_logs([Source("logs", str(path), path.name) for path in paths], job, None, BeamConfig()), job


def _rows(job: LogJob, version: int) -> list[dict[str, Any]]:
    shards = map(str, Examples(Path(job.folder)).shards(str(version)))
    (batch,) = read_batches(shards, {**job.types, SOURCE: "BYTES"}, ragged=True)
    columns = {name: column.to_list() for name, column in batch.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def test_rows_of_every_kind_of_request(tmp_path: Path) -> None:
    path = write_log(
        tmp_path / "a.tfrecord",
        [
            predicted(["one", "two"], ["billing", "account"], scores=[0.75, 0.5]),
            classified([{"text": "three", "age": 41, "more": 1.0}], ["delivery"]),
        ],
    )
    served, job = _read(tmp_path, path)
    assert served.counts.measured == {7: 3}
    assert _rows(job, 7) == [
        {"text": [b"one"], "age": [], LABEL: [b"billing"], SCORE: [0.75], SOURCE: [b"a.tfrecord:1"]},
        {"text": [b"two"], "age": [], LABEL: [b"account"], SCORE: [0.5], SOURCE: [b"a.tfrecord:1"]},
        {"text": [b"three"], "age": [41], LABEL: [b"delivery"], SCORE: [pytest.approx(0.8)], SOURCE: [b"a.tfrecord:2"]},
    ]


@pytest.mark.parametrize("sent", [float("nan"), float("inf"), 1e30])
def test_a_number_that_is_none_is_missing(tmp_path: Path, sent: float) -> None:
    path = write_log(tmp_path / "a.tfrecord", [classified([{"text": "one", "age": sent}], ["billing"])])
    _, job = _read(tmp_path, path)
    assert [row["age"] for row in _rows(job, 7)] == [[]]


def test_a_disk_that_fails_is_no_unreadable_log(tmp_path: Path) -> None:
    path = write_log(tmp_path / "a.tfrecord", [predicted(["one"], ["billing"])])
    (tmp_path / "examples").write_text("in the way")
    with pytest.raises(RuntimeError, match=r"NotADirectoryError.*Split-7"):
        read_logs([Source("logs", str(path), path.name)], replace(JOB, folder=str(tmp_path / "examples")), None,
                  BeamConfig())  # fmt: skip


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    whole = write_log(
        tmp_path / "a.tfrecord",
        [
            predicted(["now"], ["billing"], version=8),
            predicted(["at the end"], ["billing"], time=NOW),
            predicted(["too late"], ["billing"], time=NOW + 1),
            predicted(["too old"], ["billing"], time=NOW - DAY),
            predicted(["strange"], ["billing"], model="weather"),
            predicted(["vector"], ["billing"], signature="embed").replace(b"text", b"tixt"),
            b"\xff no message",
        ],
    )
    cut = write_log(tmp_path / ".b.tfrecord", [predicted(["kept"], ["billing"]), predicted(["half"], ["billing"])])
    cut.write_bytes(cut.read_bytes()[:-20])
    broken = write_log(tmp_path / "c.tfrecord", [predicted(["kept"], ["billing"])])
    broken.write_bytes(broken.read_bytes() + b"x" * 40)
    served, _ = _read(tmp_path, whole, cut, broken, tmp_path / "gone.tfrecord")
    counts = served.counts
    assert counts.measured == {7: 3, 8: 1}
    assert (counts.records, counts.damaged, counts.cut, counts.outside) == (9, 1, 1, 2)
    assert (counts.other_models, counts.other_signatures) == ({"weather": 1}, {"embed": 1})
    assert [text.split(":")[0] for text in counts.unreadable] == ["`gone.tfrecord` cannot be read", "c.tfrecord"]
    assert list(counts.told()) == [
        "files that end in half a record, as they do while they are written: 1",
        "requests to other models, left out: 1 (`weather` 1)",
        "requests that ask for no prediction of this model, left out: 1 (`embed` 1)",
        "requests before or after what is looked at, left out: 2",
    ]


def test_versions_that_answer_no_more(tmp_path: Path) -> None:
    def asked(version: int, *times: int) -> list[bytes]:
        return [predicted(["x"], ["y"], version=version, time=NOW - seconds) for seconds in times]

    records = [*asked(6, 900, 700), *asked(7, 600, 400), *asked(8, 500, 100), *asked(9, 450, 300)]
    logs = [write_log(tmp_path / f"{n}.tfrecord", records[n::3]) for n in range(3)]
    served, _ = _read(tmp_path, *logs)
    assert served.counts.times[7] == (NOW - 600, NOW - 400)
    assert served.counts.replaced() == {6}


def test_a_log_that_is_finished_meanwhile_is_read_by_its_final_name(tmp_path: Path) -> None:
    write_log(tmp_path / "a.tfrecord", [predicted(["one"], ["billing"])])
    served, _ = _read(tmp_path, tmp_path / ".a.tfrecord")
    assert served.counts.measured == {7: 1}


def test_numbers(tmp_path: Path) -> None:
    path = write_log(tmp_path / "a.tfrecord", [regressed([1.5, -2.25])])
    served, job = _read(tmp_path, path, task="regression")
    view = measure(served, job, out=tmp_path / "out", config=BeamConfig())[7]
    assert view.examples == 2
    assert sorted(view.features) == [SCORE, "age", "text"]
    assert (view.features[SCORE].percentiles()[0], view.features[SCORE].percentiles()[-1]) == (-2.25, 1.5)


def test_pictures(tmp_path: Path) -> None:
    encoded = [png(scene(seed, 24)) for seed in range(3)]
    path = write_log(tmp_path / "a.tfrecord", [pictured(encoded, ["a", "b", "a"])])
    served, job = _read(tmp_path, path, pictures=True, features={"image": "image"}, columns={"image": "BYTES"})
    feature = measure(served, job, out=tmp_path / "out", config=BeamConfig())[7].features["image"]
    assert feature.is_image
    assert (feature.image_formats, feature.image_measure("width")) == ({"png": 3}, (24.0, 24.0, 24.0))


def test_no_request_at_all(tmp_path: Path) -> None:
    served, job = _read(tmp_path, write_log(tmp_path / "a.tfrecord", []))
    assert served.counts == LogCounts()
    assert measure(served, job, out=tmp_path / "out", config=BeamConfig()) == {}
