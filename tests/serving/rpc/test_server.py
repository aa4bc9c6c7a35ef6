"""The services over a socket, called with the public `tensorflow-serving-api` and grpc alone."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from schemas.errors import ConfigError
from serving.access.audit import AuditLog
from serving.access.gate import Gate
from serving.access.keys import KeyFile
from serving.rpc.server import RpcOptions, RpcServer
from serving.tensors import to_array, to_proto
from serving.tls import Tls
from tests.serving.certificates import Certificates
from tests.serving.loaded import LoadedModels, LoadedServable

NAME = "half_plus_two"


@pytest.fixture(scope="module")
def models(half_plus_two: Path) -> LoadedModels:
    return LoadedModels(half_plus_two=LoadedServable(NAME, half_plus_two / "123"))


class Client:
    """Stubs of all services on one channel."""

    def __init__(self, channel: grpc.Channel) -> None:
        from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

        self.channel = channel
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)

    def state(self, service: str) -> str:
        response = self.health.Check(health_pb2.HealthCheckRequest(service=service))
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status))


def _client(server: RpcServer) -> Client:
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    return Client(grpc.insecure_channel(f"127.0.0.1:{server.port}", options=unlimited))


@pytest.fixture(scope="module")
def server(models: LoadedModels) -> Iterator[RpcServer]:
    server = RpcServer(models, RpcOptions(port=0, max_message_bytes=32 << 20), Gate())
    server.start()
    yield server
    server.stop(0)


@pytest.fixture(scope="module")
def client(server: RpcServer) -> Iterator[Client]:
    client = _client(server)
    yield client
    client.channel.close()


def _predict(**inputs: Any) -> Any:
    from tensorflow_serving.apis import predict_pb2

    request = predict_pb2.PredictRequest()
    request.model_spec.name = NAME
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(to_proto(np.asarray(value)))
    return request


def _examples(request: Any, *values: float, context: float | None = None) -> Any:
    request.model_spec.name = NAME
    examples = request.input.example_list_with_context if context is not None else request.input.example_list
    for value in values:
        examples.examples.add().features.feature["x"].float_list.value.append(value)
    if context is not None:
        examples.examples.add()
        examples.context.features.feature["x"].float_list.value.append(context)
    return request


def _failure(call: Any, request: Any, **options: Any) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as raised:
        call(request, **options)
    return raised.value.code().name, raised.value.details()


def test_predict_answers_and_says_who_did(client: Client) -> None:
    request = _predict(x=np.array([1, 2, 5], np.float32))
    response = client.prediction.Predict(request)
    assert list(response.outputs["y"].float_val) == [2.5, 3.0, 4.5]
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == (NAME, 123, "serving_default")

    request.model_spec.version.value = 123
    assert client.prediction.Predict(request).outputs["y"].float_val[0] == 2.5
    request.model_spec.version_label = "stable"
    assert client.prediction.Predict(request).model_spec.version.value == 123


def test_predict_of_strings_and_only_what_is_asked_for(client: Client) -> None:
    request = _predict(text=np.array([b"ab\xff"], object), times=np.int64(2))
    request.model_spec.signature_name = "echo"
    response = client.prediction.Predict(request)
    assert to_array(response.outputs["text"]).tolist() == [b"ab\xffab\xff"]
    assert to_array(response.outputs["length"]).tolist() == [6]
    request.output_filter.append("length")
    assert list(client.prediction.Predict(request).outputs) == ["length"]


def test_messages_above_four_megabytes(client: Client) -> None:
    x = np.arange(5_000_000, dtype=np.float32)
    response = client.prediction.Predict(_predict(x=x))
    np.testing.assert_array_equal(to_array(response.outputs["y"]), x / 2 + 2)
    too_large = _predict(x=np.zeros(9_000_000, np.float32))
    assert _failure(client.prediction.Predict, too_large)[0] == "RESOURCE_EXHAUSTED"


def test_classify_and_regress(client: Client) -> None:
    from tensorflow_serving.apis import classification_pb2, regression_pb2

    classification = _examples(classification_pb2.ClassificationRequest(), 1, 2)
    classification.model_spec.signature_name = "classify_x_to_y"
    response = client.prediction.Classify(classification)
    found = [[(c.label, c.score) for c in one.classes] for one in response.result.classifications]
    assert found == [[("y", 2.5), ("minus y", -2.5)], [("y", 3.0), ("minus y", -3.0)]]
    assert response.model_spec.version.value == 123

    regression = _examples(regression_pb2.RegressionRequest(), 1, 2, context=9)
    regression.model_spec.signature_name = "regress_x_to_y"
    values = [one.value for one in client.prediction.Regress(regression).result.regressions]
    assert values == [2.5, 3.0, 6.5]  # the context says x where an example does not


def _task(request: Any, signature: str, method: str) -> None:
    task = request.tasks.add(method_name=f"tensorflow/serving/{method}")
    task.model_spec.name, task.model_spec.signature_name = NAME, signature


def _multi(*tasks: tuple[str, str]) -> Any:
    from tensorflow_serving.apis import inference_pb2

    request = inference_pb2.MultiInferenceRequest()
    request.input.example_list.examples.add().features.feature["x"].float_list.value.append(4)
    for signature, method in tasks:
        _task(request, signature, method)
    return request


def test_multi_inference(client: Client) -> None:
    response = client.prediction.MultiInference(_multi(("regress_x_to_y", "regress"), ("classify_x_to_y", "classify")))
    regressed, classified = response.results
    assert regressed.regression_result.regressions[0].value == 4.0
    assert classified.classification_result.classifications[0].classes[1].score == -4.0
    assert regressed.model_spec.signature_name == "regress_x_to_y"


def test_multi_inference_refuses_what_tf_serving_refuses(client: Client) -> None:
    call = client.prediction.MultiInference
    assert _failure(call, _multi())[0] == "INVALID_ARGUMENT"
    twice = _multi(("regress_x_to_y", "regress"), ("regress_x_to_y", "regress"))
    assert _failure(call, twice) == ("INVALID_ARGUMENT", "Duplicate evaluation of signature: regress_x_to_y")
    unknown = _multi(("none", "regress"))
    assert _failure(call, unknown) == ("INVALID_ARGUMENT", "Requested signature not found in model graph: none")
    method = _multi(("serving_default", "predict"))
    assert _failure(call, method)[0] == "UNIMPLEMENTED"
    other = _multi(("regress_x_to_y", "regress"), ("classify_x_to_y", "classify"))
    other.tasks[1].model_spec.name = "other"
    assert "must access the same model name" in _failure(call, other)[1]


def test_metadata_has_the_signatures(client: Client) -> None:
    from tensorflow_serving.apis import get_model_metadata_pb2

    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = NAME
    response = client.prediction.GetModelMetadata(request)
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert signatures.signature_def["serving_default"].outputs["y"].tensor_shape.dim[0].size == -1
    assert (response.model_spec.name, response.model_spec.version.value) == (NAME, 123)

    request.metadata_field[0] = "graph"
    assert _failure(client.prediction.GetModelMetadata, request) == (
        "INVALID_ARGUMENT",
        "Metadata field graph is not supported",
    )
    del request.metadata_field[:]
    assert "at least one metadata_field" in _failure(client.prediction.GetModelMetadata, request)[1]


def test_status_and_reload(client: Client, models: LoadedModels) -> None:
    from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

    request = get_model_status_pb2.GetModelStatusRequest()
    assert _failure(client.models.GetModelStatus, request) == ("INVALID_ARGUMENT", "Missing ModelSpec")
    request.model_spec.name = NAME
    (status,) = client.models.GetModelStatus(request).model_version_status
    assert (status.version, status.state, status.status.error_code) == (123, status.AVAILABLE, 0)
    request.model_spec.name = "none"
    assert _failure(client.models.GetModelStatus, request)[0] == "NOT_FOUND"

    reload = model_management_pb2.ReloadConfigRequest()
    assert _failure(client.models.HandleReloadConfigRequest, reload)[0] == "INVALID_ARGUMENT"
    reload.config.model_config_list.config.add(name=NAME, base_path="/x", model_platform="tensorflow")
    assert client.models.HandleReloadConfigRequest(reload).status.error_code == 0
    assert models.applied[-1].model_config_list.config[0].base_path == "/x"


def test_failures_have_tf_serving_s_codes(client: Client) -> None:
    from tensorflow_serving.apis import classification_pb2, predict_pb2

    predict, x = client.prediction.Predict, np.array([1], np.float32)
    assert _failure(predict, predict_pb2.PredictRequest()) == ("INVALID_ARGUMENT", "Missing ModelSpec")
    nameless = _predict(x=x)
    nameless.model_spec.name = ""
    assert _failure(predict, nameless) == ("INVALID_ARGUMENT", "ModelSpec has no name specified.")
    unknown = _predict(x=x)
    unknown.model_spec.name = "none"
    assert _failure(predict, unknown)[0] == "NOT_FOUND"
    signature = _predict(x=x)
    signature.model_spec.signature_name = "none"
    assert _failure(predict, signature) == ("FAILED_PRECONDITION", 'Serving signature key "none" not found.')
    signature.model_spec.signature_name = "\U0001f600" * 2_000
    code, long = _failure(predict, signature)
    assert (code, long[-12:]) == ("FAILED_PRECONDITION", "...TRUNCATED")
    assert len(long.encode()) <= 1024 + 12
    broken = _predict(x=x)
    broken.inputs["x"].tensor_content = b"abc"
    assert _failure(predict, broken)[1].startswith("tensor parsing error: x: `tensor_content` must have 4 bytes")
    bomb = _predict(x=x)
    bomb.inputs["x"].tensor_shape.dim[0].size = 1 << 40
    assert _failure(predict, bomb)[0] == "INVALID_ARGUMENT"

    empty = classification_pb2.ClassificationRequest()
    empty.model_spec.name, empty.model_spec.signature_name = NAME, "classify_x_to_y"
    assert _failure(client.prediction.Classify, empty) == ("INVALID_ARGUMENT", "Input is empty.")
    _examples(empty, 1).model_spec.signature_name = "none"
    assert _failure(client.prediction.Classify, empty)[0] == "INVALID_ARGUMENT"


def test_what_is_no_message_and_what_fails_inside(
    client: Client, models: LoadedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = client.channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    assert _failure(raw, b"\xff" * 100) == ("INVALID_ARGUMENT", "The request is not a PredictRequest.")

    def fail(*_: Any) -> None:
        raise ValueError("secret")

    monkeypatch.setattr(models.models[NAME], "predict", fail)
    request = _predict(x=np.array([1], np.float32))
    assert _failure(client.prediction.Predict, request) == ("INTERNAL", "Predict failed unexpectedly: ValueError")


def test_a_deadline_is_kept_while_others_are_answered(
    client: Client, models: LoadedModels, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    predict = models.models[NAME].predict

    def slow(signature: str, inputs: Any, output_filter: Any) -> Any:
        if inputs["x"][0] == 0:
            release.wait(20)
        return predict(signature, inputs, output_filter)

    monkeypatch.setattr(models.models[NAME], "predict", slow)
    try:
        late = client.prediction.Predict.future(_predict(x=np.zeros(1, np.float32)), timeout=0.3)
        assert client.prediction.Predict(_predict(x=np.ones(1, np.float32))).outputs["y"].float_val[0] == 2.5
        assert late.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    finally:
        release.set()


def test_health_and_reflection(server: RpcServer, client: Client) -> None:
    server.health.tell({NAME: True, "other": False})
    assert [client.state(name) for name in (NAME, "other", "", "tensorflow.serving.PredictionService")] == [
        "SERVING",
        "NOT_SERVING",
        "NOT_SERVING",
        "NOT_SERVING",
    ]
    server.health.tell({NAME: True})
    assert [client.state(name) for name in (NAME, "other", "")] == ["SERVING", "NOT_SERVING", "SERVING"]
    assert _failure(client.health.Check, health_pb2.HealthCheckRequest(service="none"))[0] == "NOT_FOUND"

    stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="tensorflow.serving.PredictRequest"),
    ]
    listed, file = stub.ServerReflectionInfo(iter(asked))
    names = {service.name for service in listed.list_services_response.service}
    assert {"tensorflow.serving.PredictionService", "tensorflow.serving.ModelService", "grpc.health.v1.Health"} < names
    assert file.file_descriptor_response.file_descriptor_proto


def test_keys_are_asked_for_and_calls_written_down(models: LoadedModels, tmp_path: Path) -> None:
    from tensorflow_serving.apis import model_management_pb2

    file, secret = KeyFile().with_new("app", ["predict"])
    file.save(tmp_path / "keys.json")
    server = RpcServer(
        models, RpcOptions(port=0), Gate(tmp_path / "keys.json"), [AuditLog(tmp_path / "audit.jsonl").write]
    )
    server.start()
    client = _client(server)
    try:
        request, key = _predict(x=np.array([1], np.float32)), [("authorization", f"Bearer {secret}")]
        assert _failure(client.prediction.Predict, request)[0] == "UNAUTHENTICATED"
        assert client.prediction.Predict(request, metadata=key).outputs["y"].float_val[0] == 2.5
        reload = model_management_pb2.ReloadConfigRequest()
        assert _failure(client.models.HandleReloadConfigRequest, reload, metadata=key)[0] == "PERMISSION_DENIED"
        assert client.health.Check(health_pb2.HealthCheckRequest(service="")) is not None
    finally:
        client.channel.close()
        server.stop(1)
    lines = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [(line["who"], line["method"], line["model"], line["version"], line["code"]) for line in lines] == [
        ("anonymous", "Predict", "", None, "UNAUTHENTICATED"),
        ("app", "Predict", NAME, 123, "OK"),
        ("anonymous", "HandleReloadConfigRequest", "", None, "PERMISSION_DENIED"),
    ]
    assert lines[1]["request_bytes"] == request.ByteSize() and lines[1]["peer"].startswith("ipv4:127.0.0.1:")
    assert secret not in (tmp_path / "audit.jsonl").read_text()


def test_mutual_tls(models: LoadedModels, certificates: Certificates, tmp_path: Path) -> None:
    (tmp_path / "ssl.txt").write_text(certificates.config(verify_client=True))
    server = RpcServer(models, RpcOptions(port=0, tls=Tls.load(tmp_path / "ssl.txt")), Gate())
    server.start()
    authority = certificates.authority.read_bytes()
    client = certificates.key("client").read_bytes(), certificates.certificate("client").read_bytes()
    try:
        request = _predict(x=np.array([1], np.float32))
        for credentials, ok in (
            (grpc.ssl_channel_credentials(authority, *client), True),
            (grpc.ssl_channel_credentials(authority), False),
        ):
            with grpc.secure_channel(f"localhost:{server.port}", credentials) as channel:
                stub = Client(channel).prediction
                if ok:
                    assert stub.Predict(request).outputs["y"].float_val[0] == 2.5
                else:
                    assert _failure(stub.Predict, request, timeout=5)[0] == "UNAVAILABLE"
    finally:
        server.stop(0)


def test_a_port_is_not_shared(server: RpcServer, models: LoadedModels) -> None:
    with pytest.raises(ConfigError, match=rf"Received: 127\.0\.0\.1:{server.port}"):
        RpcServer(models, RpcOptions(port=server.port), Gate())


def test_calls_in_flight_end_and_new_ones_do_not_begin(models: LoadedModels, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, release = threading.Event(), threading.Event()
    predict = models.models[NAME].predict

    def slow(*arguments: Any) -> Any:
        entered.set()
        release.wait(20)
        return predict(*arguments)

    monkeypatch.setattr(models.models[NAME], "predict", slow)
    server = RpcServer(models, RpcOptions(port=0), Gate())
    server.start()
    server.health.tell({NAME: True})
    client = _client(server)
    request = _predict(x=np.array([1], np.float32))
    answer = client.prediction.Predict.future(request)
    assert entered.wait(5)
    stopping = threading.Thread(target=server.stop, args=(20,))
    stopping.start()
    with pytest.raises(grpc.RpcError):
        while True:
            client.health.Check(health_pb2.HealthCheckRequest(service=""), timeout=5)
    assert _failure(client.prediction.Predict, request, timeout=5)[0] == "UNAVAILABLE"
    release.set()
    assert answer.result().outputs["y"].float_val[0] == 2.5
    stopping.join(5)
    assert not stopping.is_alive()


def test_calls_that_are_never_sent_whole_keep_nobody_else_waiting(server: RpcServer, client: Client) -> None:
    """Neither Predict without its message, more often than there are threads, nor reflection that is asked nothing."""
    over = threading.Event()

    def nothing() -> Iterator[bytes]:
        over.wait(30)
        yield from ()

    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        info = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        predict = channel.stream_unary("/tensorflow.serving.PredictionService/Predict")
        streams = [info(nothing()) for _ in range(8)]
        calls = [predict.future(nothing()) for _ in range(40)]
        answer = client.prediction.Predict(_predict(x=np.array([1], np.float32)), timeout=10)
        assert answer.outputs["y"].float_val[0] == 2.5
        health = client.health.Check(health_pb2.HealthCheckRequest(service=""), timeout=10)
        assert health.status != health_pb2.HealthCheckResponse.UNKNOWN
        over.set()
        for stream in (*streams, *calls):
            stream.cancel()
