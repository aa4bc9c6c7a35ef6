"""`trainworks infer` as it is typed."""

import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from pipeline.cli.main import trainworks
from pipeline.prediction import SavedModel
from tests.components.infra.models import export, length


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "scorer"
    export(folder / "7", length)
    return folder


def test_it_answers_as_predict_does(model: Path, tmp_path: Path) -> None:
    texts = ["a", "other", "長い文", "x" * 1000]
    with (tmp_path / "new.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in texts)])
    asked = ["infer", str(model), str(tmp_path / "new.csv"), "--out", str(tmp_path / "scored")]
    answer = CliRunner().invoke(trainworks, asked)
    assert answer.exit_code == 0, answer.output
    assert "4 rows scored" in answer.output
    rows = pq.read_table(tmp_path / "scored").to_pylist()
    predicted = SavedModel(model).predict([{"text": text} for text in texts])
    assert [row["score"] for row in rows] == pytest.approx([p.outputs["score"] for p in predicted], abs=1e-6)
    again = CliRunner().invoke(trainworks, asked)
    assert again.exit_code == 2
    assert "`--out` must be a new folder" in again.output


def test_mistakes(model: Path, tmp_path: Path) -> None:
    for arguments, told in (
        (["new.txt"], "`--format` must say what new.txt is"),
        (["new.csv", "--feature", "text"], "`--feature` must be INPUT=COLUMN"),
        (["new.csv", "--delimiter", ";;"], "`--delimiter`"),
        ([str(tmp_path / "none.csv")], "none.csv"),
    ):
        answer = CliRunner().invoke(trainworks, ["infer", str(model), "--out", str(tmp_path / "scored"), *arguments])
        assert answer.exit_code == 2, answer.output
        assert told in answer.output
    assert list(tmp_path.iterdir()) == []
