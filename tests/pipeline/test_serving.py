"""Models that pipelines pushed, called by clients that know only public packages."""

import base64
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from pipeline.prediction import SavedModel
from tests.serving.clients import serve
from tests.serving.grpcurl import answer_to
from tests.test_readme import block

pytestmark = pytest.mark.slow


def _pushed(tmp_path: Path, kind: str) -> tuple[Path, Path]:
    """A new project, run as it is: its folder, and that of the pushed versions."""
    for command in (["init", "project", "--task", kind], ["run", "project/pipeline.yaml"]):
        code = "from pipeline.cli import main; main()"
        subprocess.run([sys.executable, "-c", code, *command], cwd=tmp_path, check=True, capture_output=True)
    (pushed,) = [path for path in (tmp_path / "project" / "served").iterdir() if path.is_dir()]
    return tmp_path / "project", pushed


def _predict(port: int, model: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """By gRPC, as the documentation of `tensorflow-serving-api` has it."""
    import grpc

    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    for name, values in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=30)
    return {name: tf.make_ndarray(proto) for name, proto in answer.outputs.items()}


def test_a_text_model(tmp_path: Path) -> None:
    _, pushed = _pushed(tmp_path, "text")
    texts = ["I was charged twice for my subscription", "日本 ☃", ""]
    expected = SavedModel(pushed).predict([{"text": text} for text in texts])
    with serve(tmp_path / "log", pushed) as served:
        assert ", 0 warm-up requests" not in served.told()
        url = f"http://127.0.0.1:{served.rest_port}/v1/models/{pushed.name}:predict"
        rows = requests.post(url, json={"instances": texts}, timeout=30).json()["predictions"]
        columns = requests.post(url, json={"inputs": {"text": texts}}, timeout=30).json()["outputs"]
        outputs = _predict(served.port, pushed.name, {"text": texts})
    for position, one in enumerate(expected):
        assert rows[position]["label"] == columns["label"][position] == one.outputs["label"]
        assert outputs["label"][position].decode() == one.outputs["label"]
        assert rows[position]["score"] == pytest.approx(one.outputs["score"], abs=1e-6)
        assert float(outputs["score"][position]) == pytest.approx(one.outputs["score"], abs=1e-6)


def test_an_image_model(tmp_path: Path) -> None:
    project, pushed = _pushed(tmp_path, "image")
    files = sorted((project / "data").rglob("*.png"))[:3]
    expected = SavedModel(pushed).predict([{"image": str(file)} for file in files])
    pictures = [file.read_bytes() for file in files]
    with serve(tmp_path / "log", pushed) as served:
        url = f"http://127.0.0.1:{served.rest_port}/v1/models/{pushed.name}:predict"
        coded = [{"b64": base64.b64encode(picture).decode()} for picture in pictures]
        rows = requests.post(url, json={"instances": coded}, timeout=30).json()["predictions"]
        outputs = _predict(served.port, pushed.name, {"image": pictures})
        bad = requests.post(url, json={"instances": [{"b64": "bm8gcGljdHVyZQ=="}]}, timeout=30)
    for position, one in enumerate(expected):
        assert rows[position]["label"] == outputs["label"][position].decode() == one.outputs["label"]
        assert rows[position]["score"] == pytest.approx(one.outputs["score"], abs=1e-5)
        assert json.dumps(rows[position])
    assert bad.status_code == 400 and "error" in bad.json()


def test_the_calls_of_the_readme(tmp_path: Path) -> None:
    _, pushed = _pushed(tmp_path, "text")
    with serve(tmp_path / "log", pushed.parent) as served:
        calls = block("calls").replace("tickets", pushed.name)
        calls = calls.replace(":8500", f":{served.port}").replace(":8501", f":{served.rest_port}")
        commands = calls.splitlines()
        predicted, told = (
            json.loads(subprocess.run([*shlex.split(command), "-sS"], capture_output=True, check=True).stdout)
            for command in commands[:2]
        )
        outputs, status = (answer_to(command) for command in commands[2:])
    (answer,) = predicted["predictions"]
    assert answer["label"] == "billing"
    assert base64.b64decode(outputs["outputs"]["label"]["string_val"][0]).decode() == answer["label"]
    assert told["model_version_status"][0]["state"] == "AVAILABLE"
    assert status["model_version_status"][0]["state"] == "AVAILABLE"
