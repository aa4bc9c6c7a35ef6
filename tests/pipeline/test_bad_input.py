"""Bad input, a full disk and Ctrl-C, through the real command line: what a person is told, and what is left behind."""

import os
import re
import resource
import shutil
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.real.curves import curves
from tests.pipeline.real.project import DATA, PIPELINE, ROWS, STEPS, TICKETS, Finished, Project, as_csv, make_project

LINES = TICKETS.splitlines(keepends=True)
AN_LSTM = {"family": "lstm", "embedding_dim": 8, "units": 4, "word_vectors": "random"}
LONG_TRAINING = {"epochs": 30, "min_steps": 0, "batch_size": 32, "steps_per_loop": 2, "checkpoint_seconds": 0}


def data_settings(**changes: Any) -> Mapping[str, Any]:
    return {**PIPELINE, "data": {**PIPELINE["data"], **changes}}


def validated(folder: Path, data: bytes, **settings: Any) -> tuple[Project, Finished]:
    """A run to the gate, over a csv file of these bytes."""
    project = make_project(folder / "tickets", {**PIPELINE, **settings}, data)
    return project, project.run("--to", "ExampleValidator")


def assert_stopped(project: Project, finished: Finished, exit_code: int, *told: str) -> None:
    """A run said these words and no more than a person needs, and left nothing half-written or pushed."""
    assert finished.exit_code == exit_code, finished.stderr
    for words in told:
        assert words in finished.stderr
    assert "Traceback" not in finished.stdout + finished.stderr
    assert 'File "' not in finished.stderr
    assert finished.told["status"] == ("refused" if exit_code == 3 else "failed")
    assert project.half_written() == []
    assert not (project.folder / "served").exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param(
            {"splits": {"train": "data/ticket.csv"}},
            ("`data.splits.train` matches no file", "'data/ticket.csv'", "Did you mean `data/tickets.csv`?"),
            id="file",
        ),
        pytest.param(
            {"features": {"text": "texts"}},
            (
                "`data/tickets.csv` has no column `texts`, which `data.features` names",
                "Columns found: `text`, `topic`",
                "Did you mean `text`?",
            ),
            id="feature",
        ),
        pytest.param(
            {"label": "category"},
            ("`data/tickets.csv` has no column `category`, which `data.label` names", "`text`, `topic`"),
            id="label",
        ),
    ],
)
def test_missing(changes: Mapping[str, Any], told: tuple[str, ...], tmp_path: Path) -> None:
    project = make_project(tmp_path / "tickets", data_settings(**changes))
    finished = project.run()
    assert_stopped(project, finished, 2, "ExampleGen failed: ", *told)
    assert finished.fates == {**dict.fromkeys(STEPS, "skipped"), "ExampleGen": "failed"}
    assert project.published() == []


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(b"", "`data/tickets.csv` (split `train`) is empty", id="empty"),
        pytest.param(
            b"text,topic\n", "Split `train` has no rows: `data/tickets.csv` has a header at most", id="header"
        ),
        pytest.param(b"text,topic\n\n\r\n", "Split `train` has no rows", id="blank lines"),
        pytest.param(TICKETS.decode().encode("utf-16"), "`data/tickets.csv` is UTF-16; save it as UTF-8", id="UTF-16"),
        pytest.param(
            b"".join([*LINES[:9], b'"never closed,billing\n', *LINES[9:]]),
            "data/tickets.csv:10: a quoted field begins in this row and is never closed",
            id="open quote",
        ),
    ],
)
def test_a_file_without_rows(data: bytes, told: str, tmp_path: Path) -> None:
    project = make_project(tmp_path / "tickets", data=data)
    finished = project.run()
    assert_stopped(project, finished, 2, f"error: ExampleGen failed: {told}")
    assert project.published() == []


def test_a_typo_names_the_key_that_was_meant(tmp_path: Path) -> None:
    """All mistakes at once, with their lines, before anything is made."""
    project = make_project(tmp_path / "tickets")
    file = project.folder / "pipeline.yaml"
    last = len(file.read_text(encoding="utf-8").splitlines())
    with file.open("a", encoding="utf-8") as appended:
        appended.write("trainng: {epochs: 3}\nevaluation:\n  slice: [topic]\n")
    finished = project.run("--set", "data.labels=topic")
    assert finished.exit_code == 2
    assert (finished.told["run_id"], finished.told["status"], finished.told["components"]) == (None, "failed", [])
    told = finished.stderr.removeprefix("error: ").splitlines()
    assert f"pipeline.yaml:{last + 1}: `trainng` is not a field of a pipeline file. Did you mean `training`?" in told
    assert (
        f"pipeline.yaml:{last + 3}: `evaluation.slice` is not a field of `evaluation`. Did you mean `slices`?" in told
    )
    assert any("`data.labels` is not a field of `data`. Did you mean `label`?" in line for line in told)
    assert len(told) == 3
    assert not project.workspace.exists()


def test_one_class_only(tmp_path: Path) -> None:
    project, finished = validated(tmp_path, as_csv((text, "billing") for text, _ in ROWS))
    assert_stopped(project, finished, 3, "single_class", "at least two different labels", "1 label: `billing`")
    assert not (project.folder / "schemas").exists(), "what is refused must not become the measure of its correction"


def test_a_ragged_row_is_named(tmp_path: Path) -> None:
    """And once it is mended, the file is read anew."""
    ragged = b"".join([*LINES[:41], b"Please, help,billing\n", *LINES[41:]])
    project, finished = validated(tmp_path, ragged)
    assert_stopped(project, finished, 3, "ragged_row", "1 of ", "rows", "data/tickets.csv:42", "Quote the fields")
    (project.folder / DATA).write_bytes(ragged.replace(b"Please, help,", b'"Please, help",'))
    mended = project.run("--to", "ExampleGen")
    assert mended.exit_code == 0, mended.stderr
    assert mended.told["components"][0]["reason"] == "changed: data/tickets.csv"
    assert b"Please, help" in b"".join(
        path.read_bytes() for path in project.output("ExampleGen", "examples").rglob("data*")
    )


def test_a_label_that_training_never_saw(tmp_path: Path) -> None:
    splits = {"train": str(DATA), "test": "data/test.csv"}
    project = make_project(tmp_path / "tickets", data_settings(splits=splits, holdout={"eval": 0.15}))
    unseen = [("I want my money back for the lamp", "refunds"), ("The bill is wrong again", "billing")]
    (project.folder / "data" / "test.csv").write_bytes(as_csv(unseen))
    finished = project.run()
    assert_stopped(project, finished, 3, "unknown_label", "1 of 2 labels (50 %): `refunds` (1)", "data/test.csv:2")
    assert finished.fates["Transform"] == "skipped"


def test_a_little_invalid_utf8_is_counted_and_kept(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 become U+FFFD, and a NUL is warned of; the pipeline file may be stricter."""
    lines = [*LINES]
    lines[7] = b"caf\xe9 machine is broken,technical\n"
    lines[9] = b"one\0two is not found,technical\n"
    limits = {**PIPELINE["validation"], "invalid_utf8": {"at_most": 0.05}}
    project, finished = validated(tmp_path, b"".join(lines), validation=limits)
    assert finished.exit_code == 0, finished.stderr
    assert re.search(r"warning: ExampleValidator: nul_byte: expected .*, found \w+: 1 of \d+ rows", finished.stderr)
    shown = project.trainworks("show", "latest").stdout
    assert re.search(r"invalid_utf8 .*at most 5 % .*1 of \d+ rows", shown)
    assert "data/tickets.csv:10" in shown
    examples = project.output("ExampleGen", "examples")
    records = b"".join(path.read_bytes() for path in examples.rglob("data_tfrecord-*"))
    assert "caf\ufffd machine is broken".encode() in records
    assert b"one\0two is not found" in records
    stricter = project.run("--set", "validation.nul_byte.severity=error")
    assert_stopped(project, stricter, 3, "nul_byte", "rows that hold a NUL character: none", "data/tickets.csv:10")


def test_too_much_invalid_utf8_stops_the_run(tmp_path: Path) -> None:
    latin1 = [line.replace(b"e", b"\xe9") if 10 <= index < 30 else line for index, line in enumerate(LINES)]
    project, finished = validated(tmp_path, b"".join(latin1))
    assert_stopped(
        project, finished, 3, "invalid_utf8", "bytes that are not UTF-8: at most 1 %", "data/tickets.csv:1", "iconv"
    )
    allowed = project.run("--to", "ExampleValidator", "--set", "validation.invalid_utf8.at_most=0.2")
    assert allowed.exit_code == 0, allowed.stderr


def test_spreadsheets_csv_reads_as_any_other(tmp_path: Path) -> None:
    """A byte-order mark, Windows line ends, quotes, doubled quotes and embedded newlines: the same examples."""
    rows = [(f'{text}\nhe said "{text}", twice', topic) for text, topic in ROWS]
    plain = as_csv(rows)
    quoted = "".join(f'"{text.replace(chr(34), 2 * chr(34))}","{topic}"\n' for text, topic in rows)
    windows = b"\xef\xbb\xbf" + f'"text","topic"\n{quoted}'.replace("\n", "\r\n").encode()
    assert b"\r\nhe said" in windows
    read = []
    for folder, data in (("unix", plain), ("windows", windows)):
        project = make_project(tmp_path / folder, data=data)
        finished = project.run("--to", "ExampleGen")
        assert finished.exit_code == 0, finished.stderr
        examples = project.output("ExampleGen", "examples")
        read.append({path.relative_to(examples): path.read_bytes() for path in examples.rglob("*") if path.is_file()})
    assert read[0] == read[1]
    assert b'"defects":[]' in read[0][Path("ingestion.json")].replace(b" ", b"")


def test_the_disk_fills_up_while_examples_are_written(tmp_path: Path) -> None:
    many = as_csv((f"{text} number {number}", topic) for number in range(200) for text, topic in ROWS)
    project = make_project(tmp_path / "tickets", data=many)
    finished = project.run("--to", "ExampleGen", largest_file=2 << 20)
    assert_stopped(
        project, finished, 1, "error: ExampleGen failed: ", "`data/tickets.csv` could not be written", "Free some space"
    )
    assert project.published() == []
    assert project.run("--to", "ExampleGen").exit_code == 0
    assert len(project.published()) == 1


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="the limit of a running process is Linux's to set")
def test_the_disk_fills_up_while_a_model_is_exported(tmp_path: Path) -> None:
    """Once training has written its last checkpoint, no file may have 5 MB; half a million buckets make 8 MB."""
    settings = {
        **PIPELINE,
        "model": {"family": "linear", "hash_buckets": 500_000},
        "training": {"epochs": 1, "min_steps": 0},
        "evaluation": {"require": [{"metric": "accuracy", "at_least": 0.0}]},
    }
    project = make_project(tmp_path / "tickets", settings)
    process = project.start("run", "pipeline.yaml", "--json")
    trainings = project.workspace / "scratch" / "tickets" / "Trainer"
    while process.poll() is None and not list(trainings.glob("*/checkpoints/checkpoint")):
        time.sleep(0.005)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (5 << 20, 5 << 20))
    finished = Finished(process.wait(timeout=120), *process.communicate())
    assert_stopped(project, finished, 1, "error: Trainer failed: ", "Make room in", "carries on from this step")
    assert "Format-Serving" in project.log(finished)
    assert not (project.workspace / "artifacts" / "tickets" / "Trainer").exists()
    room = project.run()
    assert room.exit_code == 0, room.stderr
    assert [room.fates[step] for step in STEPS] == ["cached"] * 5 + ["executed"] * 4


@pytest.mark.slow
def test_ctrl_c_during_training(tmp_path: Path) -> None:
    """It ends the run at once, with 130; the next run goes on from the checkpoint."""
    settings = {
        **PIPELINE,
        "model": AN_LSTM,
        "training": LONG_TRAINING,
        "evaluation": {"require": [{"metric": "accuracy", "at_least": 0.0}]},
    }
    project = make_project(tmp_path / "tickets", settings)
    process = project.start("run", "pipeline.yaml", "--json")
    logs = project.workspace / "tensorboard" / "tickets"
    while process.poll() is None and not len(_epochs(logs)) >= 3:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)
    canceled = Finished(process.returncode, stdout, stderr)
    assert canceled.exit_code == 130
    assert "Canceled. Finished steps stay; the next run carries on from there." in stderr
    assert "Traceback" not in stderr
    assert canceled.told["status"] == "canceled"
    assert [canceled.fates[step] for step in STEPS] == ["executed"] * 5 + ["failed"] + ["skipped"] * 3
    shutil.rmtree(project.temporary)  # TensorFlow tidies up there at an exit that a canceled run does not wait for
    project.temporary.mkdir()
    assert project.half_written() == []
    assert not (project.folder / "served").exists()
    before = _epochs(logs)

    finished = project.run()
    assert finished.exit_code == 0, finished.stderr
    assert [finished.fates[step] for step in STEPS] == ["cached"] * 5 + ["executed"] * 4
    after = curves(project.output("Trainer", "model_run") / "train")["epoch_steps_per_second"]
    assert len(after) == LONG_TRAINING["epochs"]
    assert {epoch: after[epoch] for epoch in before} == before, "epochs were trained again"


def _epochs(logs: Path) -> dict[int, float]:
    """Epoch to its speed, which no second training of it would repeat exactly."""
    return next((curves(path)["epoch_steps_per_second"] for path in logs.glob("*/Trainer/train")), {})
