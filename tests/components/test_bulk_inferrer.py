"""Bulk inference on real files with real SavedModels: the answers are those of one request each."""

import csv
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from components.bulk_inferrer import BulkInferrer, infer
from components.component import Channel, Component, Context
from components.transforms.inference import Inferred
from schemas.artifacts import InferenceResult, Model, ModelBlessing
from schemas.config import BeamConfig, InferenceConfig
from schemas.errors import ConfigError, DataError, TrainworksError
from schemas.tfrecords import read_records
from serving.protos import prediction_log_pb2
from serving.tensors import to_array
from tests.components.infra.models import export, length, raising

TEXTS = ["one", "two words", "", "文字", "x" * 300, "with, comma"]


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("model"), length)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for number, texts in enumerate((TEXTS[:4], TEXTS[4:])):
        with (tmp_path / f"{number}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text", "more"])
            writer.writerows([f"{number}-{place}", text, place] for place, text in enumerate(texts))
    return tmp_path


def _infer(serving: Path, base: Path, **config: Any) -> tuple[Inferred, list[Path]]:
    out = base / "out"
    out.mkdir()
    config = {"format": "csv", "files": "*.csv", **config}
    inferred = infer(serving, InferenceConfig(**config), base, out, BeamConfig(), model_name="scorer")
    return inferred, sorted(out.iterdir())


def test_parquet_has_every_row_in_order_with_its_key(serving: Path, files: Path) -> None:
    inferred, found = _infer(serving, files, keep=["id"])
    assert [path.name for path in found] == [f"predictions-0000{i}-of-00002.parquet" for i in range(2)]
    rows = [row for path in found for row in pq.read_table(path).to_pylist()]
    assert inferred.rows == len(TEXTS)
    assert [row["id"] for row in rows] == ["0-0", "0-1", "0-2", "0-3", "1-0", "1-1"]
    assert [row["_source"] for row in rows][:2] == ["0.csv:2", "0.csv:3"]
    assert [row["score"] for row in rows] == pytest.approx([len(text.encode()) / 10 for text in TEXTS], abs=1e-6)


def test_csv(serving: Path, files: Path) -> None:
    _, found = _infer(serving, files, output_format="csv", files="0.csv", keep=["more", "id"])
    header, *rows = csv.reader(found[0].read_text().splitlines())
    assert header == ["_source", "more", "id", "score"]
    assert rows[1][:3] == ["0.csv:3", "1", "0-1"]
    assert [float(row[3]) for row in rows] == pytest.approx([0.3, 0.9, 0.0, 0.6], abs=1e-6)


def test_prediction_logs_hold_requests_and_responses(serving: Path, files: Path) -> None:
    _, found = _infer(serving, files, output_format="prediction-log", files="1.csv")
    with found[0].open("rb") as file:
        logs = [prediction_log_pb2.PredictionLog.FromString(record).predict_log for record in read_records(file)]
    assert [to_array(log.request.inputs["text"]).tolist() for log in logs] == [[t.encode()] for t in TEXTS[4:]]
    assert to_array(logs[1].response.outputs["score"]).tolist() == pytest.approx([1.1])
    assert logs[0].request.model_spec.name == "scorer"


def test_another_column_and_json_lines(serving: Path, tmp_path: Path) -> None:
    (tmp_path / "new.jsonl").write_text('{"body": "four", "n": 1}\nnot json\n{"n": 2.5}\n')
    inferred, found = _infer(
        serving, tmp_path, format="jsonl", files="new.jsonl", features={"text": "body"}, keep=["n"]
    )
    rows = pq.read_table(found[0]).to_pylist()
    assert [(row["n"], round(row["score"], 6)) for row in rows] == [(1.0, 0.4), (2.5, 0.0)]
    assert (inferred.left_out, inferred.origins) == (1, ("new.jsonl:2: malformed_row",))


@pytest.mark.parametrize(
    ("config", "error", "told"),
    [
        ({"files": "none*.csv"}, DataError, "none"),
        ({"keep": ["ID"]}, DataError, "no column `ID`. Columns found: `id`, `text`, `more`"),
        ({"features": {"words": "text"}}, ConfigError, "must name inputs of the model: text. Received: words"),
        ({"keep": ["score"]}, ConfigError, "must not name what the model answers"),
    ],
)
def test_what_does_not_fit_is_told(
    serving: Path, files: Path, config: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        _infer(serving, files, **config)


def test_a_model_that_fails_is_told_with_the_file(tmp_path: Path, files: Path) -> None:
    with pytest.raises(TrainworksError, match=r"fails on rows of `0\.csv`: .*never"):
        _infer(export(tmp_path / "model", raising), files)


def test_files_without_rows(serving: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("text\n")
    with pytest.raises(DataError, match="must have rows"):
        _infer(serving, tmp_path, files="new.csv")


def test_the_component(serving: Path, files: Path, context: Context) -> None:
    model = Model(files / "artifact")
    model.uri.mkdir()
    model.serving.symlink_to(serving)
    step = BulkInferrer(
        model=Channel(Component(), "model", Model),
        blessing=Channel(Component(), "blessing", ModelBlessing),
        inference=InferenceConfig(format="csv", files="0.csv"),
    )
    assert step.external_inputs(files) == [files / "0.csv"]
    (files / "result").mkdir()
    outputs = {"inference_result": InferenceResult(files / "result")}
    bound = step.bind({"model": model, "blessing": ModelBlessing(files)}, outputs)
    with pytest.raises(TrainworksError, match="Only a blessed model scores"):
        bound.run(context)
    (files / "BLESSED").touch()
    bound.run(context)
    assert pq.read_table(files / "result" / "predictions-00000-of-00001.parquet").num_rows == 4
