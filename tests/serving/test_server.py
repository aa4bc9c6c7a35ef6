"""The whole server, in a process of its own, called over the network."""

import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest

from schemas.manifest import Manifest, write_manifest
from serving.access.keys import KeyFile
from serving.client import Client
from serving.errors import Code, ServingError
from serving.protos import model_management_pb2, predict_pb2
from serving.tensors import to_array, write
from tests.serving.clients import Served, serve, until
from tests.serving.half_plus_two import export

PREDICT = "/v1/models/half_plus_two:predict"
BODY = '{"instances":[1.0, 2.0]}'
RELOAD = "/tensorflow.serving.ModelService/HandleReloadConfigRequest"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Versions 1 and 2, which say different things."""
    folder = tmp_path_factory.mktemp("exported")
    export(folder / "1", slope=0.5)
    export(folder / "2", slope=3.0)
    return folder


@pytest.fixture
def base(exported: Path, tmp_path: Path) -> Path:
    """A folder of versions with version 1 in it."""
    base = tmp_path / "half_plus_two"
    shutil.copytree(exported / "1", base / "1")
    return base


@pytest.fixture
def served(base: Path, tmp_path: Path) -> Iterator[Served]:
    with serve(tmp_path / "log", base, "--file_system_poll_wait_seconds", "0.1") as server:
        yield server


def _answer(served: Served) -> list[float]:
    answer = served.ask("POST", PREDICT, BODY)
    assert answer.status == 200, answer.text
    values: list[float] = answer.json["predictions"]
    return values


def _states(served: Served) -> dict[str, str]:
    """Version to state; of a model that the server does not know yet, none."""
    told = served.ask("GET", "/v1/models/half_plus_two").json
    return {one["version"]: one["state"] for one in told.get("model_version_status", [])}


def test_both_fronts_answer_and_a_new_version_takes_over_while_clients_ask(
    served: Served, base: Path, exported: Path
) -> None:
    assert _answer(served) == [2.5, 3.0]
    over, wrong, seen = threading.Event(), list[str](), set[float]()

    def ask_on() -> None:
        while not over.is_set():
            answer = served.ask("POST", PREDICT, BODY)
            if answer.status == 200:
                seen.add(answer.json["predictions"][0])
            else:
                wrong.append(answer.text)

    threads = [threading.Thread(target=ask_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    with Client(f"grpc://127.0.0.1:{served.port}") as client:
        assert client.predict("half_plus_two", {"x": [1.0, 2.0]})["y"].tolist() == [2.5, 3.0]
        shutil.copytree(exported / "2", base / ".copying")
        (base / ".copying").rename(base / "2")
        until(lambda: _answer(served) == [5.0, 8.0])
        until(lambda: _states(served) == {"2": "AVAILABLE", "1": "END"})
        assert client.predict("half_plus_two", {"x": [1.0, 2.0]})["y"].tolist() == [5.0, 8.0]
    over.set()
    for thread in threads:
        thread.join()
    assert (wrong, seen) == ([], {2.5, 5.0})


def test_a_version_that_is_half_there_never_serves(served: Served, base: Path, exported: Path) -> None:
    shutil.copytree(exported / "2", base / "2", ignore=shutil.ignore_patterns("variables.data*"))
    until(lambda: _states(served).get("2") == "END")
    assert _answer(served) == [2.5, 3.0]
    broken = served.ask("GET", "/v1/models/half_plus_two/versions/2").json["model_version_status"][0]["status"]
    assert broken["error_code"] != "OK" and "cannot be loaded" in broken["error_message"]
    assert "half_plus_two version 2 is not served" in served.told()
    shutil.copytree(exported / "2" / "variables", base / "2" / "variables", dirs_exist_ok=True)  # the rest arrives
    until(lambda: _answer(served) == [5.0, 8.0])


def test_sigterm_answers_what_is_in_flight(served: Served) -> None:
    statuses: list[int] = []

    def ask_slowly() -> None:
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", served.rest_port, timeout=30)
        connection.putrequest("POST", PREDICT)
        connection.putheader("content-length", str(len(BODY)))
        connection.endheaders()
        connection.send(BODY[:5].encode())
        time.sleep(1.5)
        connection.send(BODY[5:].encode())
        statuses.append(connection.getresponse().status)
        connection.close()

    thread = threading.Thread(target=ask_slowly)
    thread.start()
    time.sleep(0.3)
    ready: list[int] = []
    ending = threading.Thread(target=lambda: ready.append(served.end()))
    ending.start()
    until(lambda: served.ask("GET", "/ready").status == 503)
    thread.join()
    ending.join()
    assert (statuses, ready) == ([200], [0])
    assert served.told().rstrip().endswith("Ended")


def test_nothing_but_events_is_told(served: Served) -> None:
    until(lambda: "Ready" in served.told())
    assert served.end() == 0, served.told()
    words = [line.split(" ")[1:2] for line in served.told().splitlines()]
    expected = [["gRPC"], ["Loaded"], ["Ready"], ["Ending:"], ["Unloaded"], ["Ended"]]
    assert words == expected, served.told()


def test_a_manifest_that_does_not_fit_keeps_a_version_out(exported: Path, tmp_path: Path) -> None:
    base = tmp_path / "half_plus_two"
    shutil.copytree(exported / "1", base / "1")
    manifest = Manifest.of({"saved_model.pb": "0" * 64}, {"saved_model.pb": 1}, model="m", created_by="t")
    write_manifest(base / "1", manifest)
    with serve(tmp_path / "log", base, ready=False) as served:
        until(lambda: _states(served).get("1") == "END")
        assert served.ask("GET", "/ready").status == 503
        assert served.ask("GET", "/live").status == 200
        status = served.ask("GET", "/v1/models/half_plus_two").json["model_version_status"][0]["status"]
    assert status["error_code"] == "DATA_LOSS"
    assert "must hold just what its manifest says" in status["error_message"]
    shutil.rmtree(base / "1" / "assets.extra")
    with serve(tmp_path / "log2", base, "--require_manifest", ready=False) as served:
        until(lambda: _states(served).get("1") == "END")
        assert "must have a manifest" in served.told()


def _config(folder: Path, *bases: Path) -> Path:
    path = folder / "models.config"
    entries = "".join(
        f'config {{ name: "{base.name}" base_path: "{base}" model_platform: "tensorflow" }}\n' for base in bases
    )
    path.write_text(f"model_config_list {{ {entries} }}")
    return path


def test_a_configuration_file_is_followed(base: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(base, other)
    path = _config(tmp_path, base)
    with serve(tmp_path / "log", path, "--model_config_file_poll_wait_seconds", "0.1") as served:
        assert served.ask("POST", "/v1/models/other:predict", BODY).status == 404
        _config(tmp_path, base, other)
        until(lambda: served.ask("POST", "/v1/models/other:predict", BODY).status == 200)
        path.write_text("model_config_list { nonsense }")
        until(lambda: "What was served before stays" in served.told())
        assert _answer(served) == [2.5, 3.0]
        _config(tmp_path, other)
        until(lambda: served.ask("POST", PREDICT, BODY).status == 404)


def test_keys_roles_and_the_audit_log(base: Path, tmp_path: Path) -> None:
    keys, secret = KeyFile().with_new("app", ["predict"])
    keys, admin = keys.with_new("ops", ["predict", "admin"])
    keys.save(tmp_path / "keys.json")
    audit = tmp_path / "audit.jsonl"
    with serve(tmp_path / "log", base, "--keys", tmp_path / "keys.json", "--audit_log", audit) as served:
        assert served.ask("POST", PREDICT, BODY).status == 401
        assert served.ask("POST", PREDICT, BODY, Authorization=f"Bearer {secret}").status == 200
        url = f"grpc://127.0.0.1:{served.port}"
        with Client(url) as client, pytest.raises(ServingError) as raised:
            client.predict("half_plus_two", {"x": [1.0]})
        assert raised.value.code is Code.UNAUTHENTICATED
        with Client(url, key=secret) as client:
            assert client.predict("half_plus_two", {"x": [1.0]})["y"].tolist() == [2.5]
        request = model_management_pb2.ReloadConfigRequest()
        request.config.model_config_list.config.add(
            name="half_plus_two", base_path=str(base), model_platform="tensorflow"
        )
        with grpc.insecure_channel(f"127.0.0.1:{served.port}") as channel:
            reload = channel.unary_unary(RELOAD)
            with pytest.raises(grpc.RpcError) as refused:
                reload(request.SerializeToString(), metadata=[("authorization", f"Bearer {secret}")], timeout=10)
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
            reload(request.SerializeToString(), metadata=[("authorization", f"Bearer {admin}")], timeout=30)
        assert served.end() == 0
    lines = [json.loads(line) for line in audit.read_text().splitlines()]
    told = [(line["front"], line["method"], line["who"], line["code"]) for line in lines]
    assert ("rest", "Predict", "anonymous", "UNAUTHENTICATED") in told
    assert ("rest", "Predict", "app", "OK") in told and ("grpc", "Predict", "app", "OK") in told
    assert ("grpc", "HandleReloadConfigRequest", "ops", "OK") in told
    assert secret not in audit.read_text() and "2.5" not in audit.read_text()


def test_batching_and_metrics(base: Path, tmp_path: Path) -> None:
    (tmp_path / "batching.txt").write_text(
        "max_batch_size { value: 8 } batch_timeout_micros { value: 20000 } allowed_batch_sizes: 8"
    )
    (tmp_path / "monitoring.txt").write_text('prometheus_config { enable: true path: "/metrics" }')
    flags = ["--enable_batching", "--batching_parameters_file", tmp_path / "batching.txt"]
    flags += ["--monitoring_config_file", tmp_path / "monitoring.txt"]
    with serve(tmp_path / "log", base, *flags) as served:
        answers: list[float] = []

        def call(number: int) -> None:
            answer = served.ask("POST", PREDICT, json.dumps({"instances": [number]}))
            answers.append(answer.json["predictions"][0] - number / 2)

        threads = [threading.Thread(target=call, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [2.0] * 40
        with grpc.insecure_channel(f"127.0.0.1:{served.port}") as channel:  # a call without a deadline
            request = predict_pb2.PredictRequest()
            request.model_spec.name = "half_plus_two"
            write(request.inputs["x"], np.float32([1.0]))
            call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
            answer = predict_pb2.PredictResponse.FromString(call(request.SerializeToString()))
            assert to_array(answer.outputs["y"]).tolist() == [2.5]
        many = served.ask("POST", PREDICT, json.dumps({"instances": [1.0] * 9}))
        assert (many.status, "larger than maximum input batch size 8" in many.text) == (400, True)
        told = dict(line.rsplit(" ", 1) for line in served.ask("GET", "/metrics").text.splitlines() if line[:1] == ":")
    counted = ':tensorflow:serving:request_count{model_name="half_plus_two",status="OK"}'
    assert float(told[counted]) == 41
    rows = float(told[':tensorflow:serving:batch_size_sum{model_name="half_plus_two"}'])
    batches = float(told[':tensorflow:serving:batch_size_count{model_name="half_plus_two"}'])
    assert rows == 41 and batches < 40
