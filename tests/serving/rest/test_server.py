"""TF Serving's REST API, case by case, over real sockets."""

import contextlib
import gzip
import json
import math
import random
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import ConfigError
from serving.access.gate import Gate
from serving.access.keys import KeyFile
from serving.errors import Code
from serving.models.manager import ModelManager
from serving.rest.application import Limits
from serving.rest.server import RestOptions, RestServer
from serving.tls import Tls
from tests.serving.certificates import Certificates
from tests.serving.clients import ask
from tests.serving.loaded import LoadedModels
from tests.serving.rest.conftest import MAX_BODY_BYTES, Rest

MODEL = "/v1/models/half_plus_two"


def _named(signature: str, **more: Any) -> dict[str, Any]:
    return {"signature_name": signature, **more}


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"instances": [1, 2, 5]}, {"predictions": [2.5, 3.0, 4.5]}),
        ({"instances": [1.5]}, {"predictions": [2.75]}),
        ({"instances": [{"x": 1}, {"x": 2.0}]}, {"predictions": [2.5, 3.0]}),
        ({"inputs": [1, 2]}, {"outputs": [2.5, 3.0]}),
        ({"inputs": {"x": [1, 2]}}, {"outputs": [2.5, 3.0]}),
        ({"inputs": {"x": []}}, {"outputs": []}),
        (_named("", instances=[1]), {"predictions": [2.5]}),
        (_named("serving_default", instances=[1]), {"predictions": [2.5]}),
        (_named("echo", inputs={"text": ["ab"], "times": 2}), {"outputs": {"text": ["abab"], "length": [4]}}),
        (_named("echo", inputs={"text": [{"b64": "YWI="}], "times": 1}), {"outputs": {"text": ["ab"], "length": [2]}}),
        (
            _named("echo", inputs={"text": ['日本\n"\\'], "times": 1}),
            {"outputs": {"text": ['日本\n"\\'], "length": [9]}},
        ),
        ({"instances": [1], "unused": [[{"a": None}]]}, {"predictions": [2.5]}),
        ({"inputs": {"x": [1], "no input": [[2]]}}, {"outputs": [2.5]}),
        ({"instances": [1435774380]}, {"predictions": [717887170.0]}),
        ({"instances": [2.2250738585072014e-308]}, {"predictions": [2.0]}),
        (
            _named("echo", inputs={"text": [{"b64": " Y\nWI "}], "times": 1}),
            {"outputs": {"text": ["ab"], "length": [2]}},
        ),
    ],
)
def test_predict(rest: Rest, body: Any, answer: Any) -> None:
    got = ask(rest.port, "POST", f"{MODEL}:predict", json.dumps(body))
    assert (got.status, got.json) == (200, answer)
    assert got.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"instances": [0]}', '{"predictions":[2.0]}'),  # whole floats have a point
        ('{"instances": [NaN, Infinity, -Infinity]}', '{"predictions":[NaN,Infinity,-Infinity]}'),
        ('{"inputs": {"x": [Inf, -Inf]}}', '{"outputs":[Infinity,-Infinity]}'),
        ('{"instances": [0.2]}', '{"predictions":[2.1]}'),  # as short as a float32 can be told
        ('{"instances": [1e30]}', '{"predictions":[5e+29]}'),
        (' \r\n\t{"instances":[1]} \n', '{"predictions":[2.5]}'),
        ('\xef\xbb\xbf{"instances":[1]}', '{"predictions":[2.5]}'),
        ('{"instances":[1]} what follows', '{"predictions":[2.5]}'),
    ],
)
def test_numbers_are_written_as_clients_expect(rest: Rest, body: str, text: str) -> None:
    got = ask(rest.port, "POST", f"{MODEL}:predict", body)
    assert (got.status, got.text) == (200, text)


@pytest.mark.parametrize(
    ("path", "version"), [("", 123), ("/versions/123", 123), ("/versions/0123", 123), ("/labels/stable", 123)]
)
def test_versions_and_labels(rest: Rest, path: str, version: int) -> None:
    assert ask(rest.port, "POST", f"{MODEL}{path}:predict", '{"instances":[1]}').status == 200
    assert rest.calls[-1].version == version
    (status,) = ask(rest.port, "GET", f"{MODEL}{path}").json["model_version_status"]
    assert status == {
        "version": str(version),
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    metadata = ask(rest.port, "GET", f"{MODEL}{path}/metadata").json
    assert metadata["model_spec"] == {"name": "half_plus_two", "signature_name": "", "version": str(version)}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["x"] == {
        "name": "serving_default_x:0",
        "dtype": "DT_FLOAT",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
    }


def test_paths_are_in_any_case(rest: Rest) -> None:
    assert ask(rest.port, "POST", "/V1/Models/half_plus_two/Versions/123:predict", '{"instances":[1]}').status == 200


def test_classify_and_regress(rest: Rest) -> None:
    body = {"signature_name": "classify_x_to_y", "examples": [{"x": 1.0}, {"x": [2.0]}]}
    classes = ask(rest.port, "POST", f"{MODEL}:classify", json.dumps(body))
    assert (classes.status, classes.json) == (
        200,
        {"results": [[["y", 2.5], ["minus y", -2.5]], [["y", 3.0], ["minus y", -3.0]]]},
    )
    values = ask(rest.port, "POST", f"{MODEL}:regress", json.dumps({**body, "signature_name": "regress_x_to_y"}))
    assert (values.status, values.text) == (200, '{"results":[2.5,3.0]}')
    mixed = {"examples": [{"x": 2.0, "flags": [1, True, False], "text": ["a", {"b64": "aGVsbG8="}]}]}
    assert ask(rest.port, "POST", f"{MODEL}:regress", json.dumps(_named("regress_x_to_y", **mixed))).text == (
        '{"results":[3.0]}'
    )
    with_context = {"signature_name": "regress_x_to_y", "context": {"x": 4.0}, "examples": [{}, {"y": ["a", "b"]}]}
    assert ask(rest.port, "POST", f"{MODEL}:regress", json.dumps(with_context)).json == {"results": [4.0, 4.0]}


@pytest.mark.parametrize(
    ("verb", "body", "said"),
    [
        ("predict", "", "JSON Parse error: The document is empty"),
        ("predict", "instances = [1, 2]", "JSON Parse error: Invalid value. at offset: 0"),
        ("predict", "{", "JSON Parse error: Missing a name for object member. at offset: 1"),
        ("predict", '{"instances" [1]}', "JSON Parse error: Missing a colon after a name of object member."),
        ("predict", '{"instances":[1]', "JSON Parse error: Missing a comma or } after an object member."),
        ("predict", '{"instances":[1,]}', "JSON Parse error: Invalid value. at offset: 16"),
        ("predict", '{"instances":[01]}', "JSON Parse error: Missing a comma or ] after an array element."),
        ("predict", '{"instances":["\\x"]}', "Invalid \\\\escape"),
        ("predict", b'{"instances":["\xff"]}', "Type: String is not of expected type: float"),
        ("predict", "[1]", "JSON Value: [1] Is not object"),
        ("predict", "{}", "Missing 'inputs' or 'instances' key"),
        ("predict", {"instances": [1], "inputs": [1]}, "only one of 'inputs' or 'instances' keys to exist"),
        ("predict", {"instances": 1}, "Expecting 'instances' to be an list/array"),
        ("predict", {"instances": []}, "No values in 'instances' array"),
        ("predict", {"instances": ["a"]}, '\\"a\\" Type: String is not of expected type: float'),
        ("predict", {"instances": [True]}, "JSON Value: true Type: True is not of expected type: float"),
        ("predict", {"instances": [None]}, "JSON Value: null Type: Null is not of expected type: float"),
        ("predict", {"instances": [1, [2]]}, "Expecting shape [] but got: [1]"),
        ("predict", {"instances": [[1], 2]}, "Expecting shape [1] but got: []"),
        ("predict", {"instances": [[1, 2], [[3, 4]]]}, "Expecting shape [2] but got: [1,2]"),
        ("predict", {"instances": [[1], [2, 3]]}, "Expecting tensor size: 1 but got: 2"),
        ("predict", {"instances": [[[1], [2, 3]]]}, "unexpected size: 2 at level: 1 expected size: 1"),
        ("predict", {"instances": [[[1], 2]]}, "JSON Value: 2 found at incorrect level: 2 in the JSON DOM."),
        ("predict", {"instances": [[1, [2]]]}, "Encountered list at unexpected level: 1 expected < 1"),
        ("predict", {"inputs": [[1], [2, 3]]}, "unexpected size: 2 at level: 1 expected size: 1"),
        ("predict", {"inputs": [1, [2]]}, "Encountered list at unexpected level: 1 expected < 1"),
        ("predict", {"inputs": ["a"]}, '\\"a\\" Type: String is not of expected type: float'),
        ("predict", {"instances": [1, 2, {"b64": "YQ=="}]}, "Type: Object is not of expected type: float"),
        ("predict", {"instances": [1, "a"]}, "Failed to process element: 1 of 'instances' list. Error: INVALID_ARG"),
        ("predict", {"instances": [[1]]}, "must have shape [?]. Received: [1,1]"),
        ("predict", {"inputs": 1}, "must have shape [?]. Received: []"),
        ("predict", {"instances": [{"x": 1}, 2]}, "Expecting object but got list at item 1 of input list"),
        ("predict", {"instances": [1, {"x": 1}]}, "Expecting value/list but got object at item 1 of input list"),
        (
            "predict",
            {"instances": [{"z": 1}]},
            "Failed to process element: 0 key: z of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not"
            " have named input: z",
        ),
        ("predict", {"instances": [{"x": 1}, {}]}, "JSON object: {} keys must be equal to: x"),
        ("predict", {"instances": [{"x": 1}, {"x": 1, "z": 1}]}, "element: 1 key: z of 'instances' list."),
        ("predict", {"inputs": {"z": 1}}, "Missing named input: x in 'inputs' object."),
        ("predict", _named("echo", inputs=["a"]), "inputs is a plain value/list, but expecting an object"),
        ("predict", _named("echo", instances=["a"]), "instances is a plain list, but expecting list of objects"),
        ("predict", _named("echo", inputs={"text": ["a"], "times": 1.5}), "1.5 Type: Number is not of expected"),
        ("predict", _named("echo", inputs={"text": ["a"], "times": 1 << 63}), "is not of expected type: int64"),
        ("predict", _named("echo", inputs={"text": ["a"], "times": True}), "Type: True is not of expected type: int64"),
        ("predict", _named("echo", inputs={"text": [1], "times": 1}), "1 Type: Number is not of expected type: string"),
        ("predict", _named("echo", inputs={"text": [{"b64": "!"}], "times": 1}), "Unable to base64 decode"),
        ("predict", _named("echo", inputs={"text": [{"b64": 1}], "times": 1}), "not formatted correctly for base64"),
        ("predict", _named("echo", inputs={"text": [{"a": "b"}], "times": 1}), "not formatted correctly for base64"),
        ("predict", '{"signature_name":"echo","inputs":{"text":["\\ud800"],"times":1}}', "surrogate"),
        ("predict", _named(1, instances=[1]), "'signature_name' key must be a string value."),  # type: ignore[arg-type]
        ("predict", _named("none", instances=[1]), 'Serving signature key \\"none\\" not found.'),
        ("predict", '{"instances":' + "[" * 40 + "1" + "]" * 40 + "}", "at most 32 levels"),
        ("predict", '{"instances":[' + "[" * 900 + "1" + "]" * 900 + ",1]}", "at most 32 levels"),
        ("predict", '{"signature_name":' + "[" * 500_000 + "]" * 500_000 + "}", "key must be a string value"),
        ("classify", {"instances": [1]}, "key 'examples' is expected and was not found"),
        ("classify", {"examples": {"x": 1.0}}, "Expecting 'examples' value to be an list/array"),
        ("classify", {"examples": []}, "'examples' value is an empty array"),
        ("classify", {"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ("classify", {"examples": [[{"x": 1.0}]]}, "Example must be JSON object but got JSON Array"),
        ("classify", {"context": [{"x": 1.0}]}, "Example must be JSON object but got JSON Array"),
        ("classify", {"examples": [{"x": None}]}, "Feature: x has element with unexpected JSON type: Null"),
        ("classify", {"examples": [{"x": [10, {"a": 1}]}]}, "x has element with unexpected JSON type: Object"),
        ("classify", {"examples": [{"x": [[10], 20]}]}, "x has element with unexpected JSON type: Array"),
        ("classify", {"examples": [{"x": [10, 10.0]}]}, "element type in feature: x expecting type: int64"),
        ("classify", {"examples": [{"x": [1.5, "a"]}]}, "element type in feature: x expecting type: float"),
        ("classify", {"examples": [{"x": ["a", True]}]}, "element type in feature: x expecting type: bytes"),
        ("classify", {"examples": [{"x": [20, 2**64 - 13]}]}, "uint64_t element. Only int64_t is supported."),
        ("classify", {"examples": [{"x": {"b64": "a"}}]}, "Unable to base64 decode"),
        ("classify", '{"examples":[{"\\ud800":1}]}', "surrogate pair"),
        ("classify", _named(["a"], examples=[{}]), "'signature_name' key must be a string"),  # type: ignore[arg-type]
        ("classify", _named("none", examples=[{"x": 1.0}]), "No signature was found with the name: none"),
        ("classify", {"examples": [{"x": 1.0}]}, "Expected classification signature method_name"),
        ("regress", _named("none", examples=[{"x": 1.0}]), "No signature was found with the name: none"),
        ("regress", _named("regress_x_to_y", examples=[{"x": "a"}]), "fails on these inputs"),
        ("regress", _named("regress_x_to_y", examples=[{}]), "fails on these inputs"),
    ],
)
def test_what_does_not_fit_is_told(rest: Rest, verb: str, body: Any, said: str) -> None:
    sent = body if isinstance(body, str | bytes) else json.dumps(body)
    got = ask(rest.port, "POST", f"{MODEL}:{verb}", sent)
    assert got.status == 400
    assert said in got.text
    assert got.json.keys() == {"error"}


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("POST", "/v1/models/none:predict", 404, "Servable not found for request: Latest(none)"),
        ("POST", f"{MODEL}/versions/9:predict", 404, "Servable not found for request: Specific(half_plus_two, 9)"),
        ("POST", f"{MODEL}/labels/none:predict", 400, "Unrecognized servable version label: none"),
        ("POST", f"{MODEL}/labels/gone:predict", 404, "Specific(half_plus_two, 9)"),
        ("POST", f"{MODEL}/versions/99999999999999999999:predict", 400, "Failed to convert version"),
        ("POST", f"{MODEL}/versions/x:predict", 400, "Malformed request: POST"),
        ("POST", f"{MODEL}:guess", 400, "Malformed request: POST"),
        ("POST", MODEL, 400, "Malformed request: POST"),
        ("PUT", f"{MODEL}:predict", 400, "Malformed request: PUT"),
        ("GET", f"{MODEL}:predict", 400, "Malformed request: GET"),
        ("GET", "/v1/models", 400, "Missing model name in request."),
        ("GET", "/v1/models/none", 404, "Could not find any versions of model none"),
        ("GET", f"{MODEL}/versions/9", 404, "Could not find version 9 of model half_plus_two"),
        ("GET", "/v1/models/none/metadata", 404, "Servable not found"),
        ("GET", "/v1/", 400, "Malformed request"),
        ("GET", "/v2/models", 404, "Not found: /v2/models"),
        ("GET", "/", 404, "Not found"),
        ("POST", "/ready", 405, "takes GET only"),
    ],
)
def test_paths_that_lead_nowhere(rest: Rest, method: str, path: str, status: int, said: str) -> None:
    got = ask(rest.port, method, path, '{"instances":[1]}' if method == "POST" else None)
    assert (got.status, said in got.json["error"]) == (status, True)


def test_probes_and_pages(rest: Rest) -> None:
    assert [(got.status, got.text) for got in (ask(rest.port, "GET", path) for path in ("/live", "/ready"))] == [
        (200, "ok\n")
    ] * 2
    metrics = ask(rest.port, "GET", "/metrics")
    assert (metrics.status, metrics.text, metrics.headers["content-type"]) == (200, "a 1\n", "text/plain")
    rest.application.is_ready, before = (lambda: False), rest.application.is_ready
    assert [ask(rest.port, "GET", path).status for path in ("/live", "/ready")] == [200, 503]
    rest.application.is_ready = before


def test_calls_are_told(rest: Rest) -> None:
    body = '{"instances":[1]}'
    ask(rest.port, "POST", f"{MODEL}:predict", body)
    call = rest.calls[-1]
    assert (call.front, call.method, call.peer, call.who) == ("rest", "Predict", "127.0.0.1", "anonymous")
    assert (call.model, call.version, call.code) == ("half_plus_two", 123, Code.OK)
    assert (call.request_bytes, call.response_bytes) == (len(body), len('{"predictions":[2.5]}'))
    assert 0 < call.seconds < 10
    ask(rest.port, "POST", "/v1/models/none:predict", body)
    assert (rest.calls[-1].model, rest.calls[-1].version, rest.calls[-1].code) == ("none", None, Code.NOT_FOUND)


def test_strings_need_not_be_utf_8(rest: Rest) -> None:
    body = b'{"signature_name": "echo", "inputs": {"text": ["a\xff"], "times": 2}}'
    got = ask(rest.port, "POST", f"{MODEL}:predict", body)
    assert (got.status, got.json) == (200, {"outputs": {"text": ["a\ufffda\ufffd"], "length": [4]}})


def test_json_that_is_nested_half_a_million_levels_deep(rest: Rest) -> None:
    deep = "[" * 500_000 + "]" * 500_000
    got = ask(rest.port, "POST", f"{MODEL}:predict", f'{{"unused": {deep}, "instances": [1]}}')
    assert (got.status, got.text) == (200, '{"predictions":[2.5]}')
    assert ask(rest.port, "POST", f"{MODEL}:predict", f'{{"instances": {deep}}}').status == 400


def test_packed_bodies(rest: Rest) -> None:
    def packed(body: bytes, encoding: str = "gzip") -> Any:
        return ask(rest.port, "POST", f"{MODEL}:predict", body, Content_Encoding=encoding)

    whole = gzip.compress(b'{"instances":[1]}')
    assert packed(whole).text == '{"predictions":[2.5]}'
    for body, encoding, status, said in (
        (whole[:-9], "gzip", 400, "it ends too soon"),
        (b"no gzip", "gzip", 400, "must be gzip"),
        (whole, "br", 415, "must be gzip. Received: br"),
        (gzip.compress(b" " * (MAX_BODY_BYTES + 1)), "gzip", 413, f"at most {MAX_BODY_BYTES} bytes"),
        (gzip.compress(b"0" * 200_000_000, 1), "gzip", 413, f"at most {MAX_BODY_BYTES} bytes"),
    ):
        got = packed(body, encoding)
        assert (got.status, said in got.text) == (status, True)


def test_large_bodies_are_answered_or_refused(rest: Rest) -> None:
    values = [float(number % 100) for number in range(200_000)]
    got = ask(rest.port, "POST", f"{MODEL}:predict", json.dumps({"instances": values}))
    assert got.json["predictions"] == [value / 2 + 2 for value in values]
    garbage = random.Random(1).randbytes(10_000_000)
    with contextlib.suppress(ConnectionError):  # it may be cut off while it sends on
        assert ask(rest.port, "POST", f"{MODEL}:predict", garbage).status == 413
    chunks = (b"x" * 100_000 for _ in range(100))
    request = urllib.request.Request(f"http://127.0.0.1:{rest.port}{MODEL}:predict", chunks, {"a": "b"})  # chunked
    with pytest.raises(OSError) as refused:  # an HTTPError is one, too
        urllib.request.urlopen(request, timeout=30).close()
    if isinstance(refused.value, urllib.error.HTTPError):
        assert refused.value.code == 413
        refused.value.close()
    assert ask(rest.port, "GET", "/live").status == 200


def _said(port: int, sent: bytes, seconds: float = 10) -> bytes:
    """What comes back until the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as client:
        client.sendall(sent)
        received = b""
        try:
            while more := client.recv(65536):
                received += more
        except ConnectionError:
            pass
        return received


def test_who_sends_too_slowly_is_cut_off(rest: Rest) -> None:
    start = time.monotonic()
    heads = (b"", b"POST ", f"POST {MODEL}:predict HTTP/1.1\r\nhost: a\r\ncontent-length: 20\r\n\r\n{{".encode())
    found: list[bytes] = []
    threads = [threading.Thread(target=lambda head=head: found.append(_said(rest.port, head))) for head in heads]
    for thread in threads:
        thread.start()
    assert ask(rest.port, "GET", "/live").status == 200
    for thread in threads:
        thread.join()
    assert (found, time.monotonic() - start < 8) == ([b""] * 3, True)


def test_garbage_and_endless_headers_are_refused(rest: Rest) -> None:
    assert _said(rest.port, b"\x00\xff garbage\r\n\r\n").startswith(b"HTTP/1.1 400")
    endless = b"GET /live HTTP/1.1\r\n" + b"".join(b"x-%d: %s\r\n" % (n, b"y" * 100) for n in range(1000))
    assert _said(rest.port, endless).startswith(b"HTTP/1.1 400")
    chunked = f"POST {MODEL}:predict HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n".encode()
    for beginning in (b"GET /live HTTP/1.1\r\n", chunked):  # a header and a trailer that never end
        with socket.create_connection(("127.0.0.1", rest.port), timeout=10) as client, pytest.raises(ConnectionError):
            client.sendall(beginning + b"x: ")
            for _ in range(100):
                client.sendall(b"y" * (1 << 20))


class Slow:
    """A model that takes its time."""

    name, version = "slow", 1

    def __init__(self, meta_graph: Any) -> None:
        self.meta_graph, self.gate = meta_graph, threading.Event()

    def predict(self, signature_name: str, inputs: Any, output_filter: Any) -> Any:
        assert self.gate.wait(30)
        return {"y": inputs["x"]}

    def inputs(self, signature_name: str) -> dict[str, int]:
        return {"x": 1}  # DT_FLOAT

    def is_quick(self, signature_name: str) -> bool:
        return False


def test_a_model_that_hangs_keeps_nobody_else_waiting(models: ModelManager) -> None:
    with models.acquire("half_plus_two") as loaded:
        slow = Slow(loaded.meta_graph)
        both: Any = LoadedModels(slow=slow, half_plus_two=loaded)  # type: ignore[arg-type]
        server = RestServer(both, RestOptions(port=0, limits=Limits(threads=2, queue=1)), Gate())
        server.start()
        statuses: list[int] = []

        def call() -> None:
            statuses.append(ask(server.port, "POST", "/v1/models/slow:predict", '{"instances":[1]}').status)

        threads = [threading.Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        while len(statuses) < 5:  # two are computed, one waits
            time.sleep(0.01)
        assert statuses == [429] * 5
        for _ in range(50):
            loaded.predict("serving_default", {"x": np.float32([1])}, ())
        assert ask(server.port, "POST", f"{MODEL}:predict", '{"instances":[1]}').status == 200
        assert ask(server.port, "GET", "/live").status == 200
        slow.gate.set()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [200] * 3 + [429] * 5
        server.stop(1)


def test_keys_are_asked_for(models: ModelManager, tmp_path: Path) -> None:
    keys, secret = KeyFile().with_new("app", ["predict"], requests_per_second=2)
    keys.save(tmp_path / "keys.json")
    server = RestServer(models, RestOptions(port=0), Gate(tmp_path / "keys.json"))
    server.start()

    def call(**headers: str) -> Any:
        return ask(server.port, "POST", f"{MODEL}:predict", '{"instances":[1]}', **headers)

    assert (call().status, call().headers["www-authenticate"]) == (401, "Bearer")
    assert call(Authorization="Bearer wrong").status == 401
    assert [call(Authorization=f"Bearer {secret}").status for _ in range(4)] == [200, 200, 429, 429]
    assert ask(server.port, "GET", "/ready").status == 200  # probes have no key
    server.stop(1)


@pytest.mark.parametrize("mutual", [False, True])
def test_tls(models: ModelManager, certificates: Certificates, tmp_path: Path, mutual: bool) -> None:
    (tmp_path / "ssl.txt").write_text(certificates.config(verify_client=mutual))
    server = RestServer(models, RestOptions(port=0, tls=Tls.load(tmp_path / "ssl.txt")), Gate())
    server.start()
    context = ssl.create_default_context(cafile=str(certificates.authority))
    url = f"https://localhost:{server.port}/ready"
    if mutual:
        with pytest.raises(OSError):
            urllib.request.urlopen(url, context=context, timeout=10).close()
        context.load_cert_chain(certificates.certificate("client"), certificates.key("client"))
    with urllib.request.urlopen(url, context=context, timeout=10) as response:
        assert response.read() == b"ok\n"
    server.stop(1)


def test_an_address_that_is_taken_is_told(models: ModelManager, rest: Rest) -> None:
    with pytest.raises(ConfigError, match=rf"`--rest_api_port` .* Received: 127.0.0.1:{rest.port}"):
        RestServer(models, RestOptions(port=rest.port), Gate())


def test_infinities_beyond_what_a_float_holds(rest: Rest) -> None:
    many = ", ".join("9" * digits for digits in (309, 399, 401, 500))
    got = ask(rest.port, "POST", f"{MODEL}:predict", f'{{"instances":[1e39, {many}]}}')
    assert got.text == '{"predictions":[Infinity,Infinity,Infinity,Infinity,Infinity]}'
    assert math.isinf(got.json["predictions"][0])


def test_integers_beyond_64_bits_are_floats_in_examples(rest: Rest) -> None:
    body = _named("regress_x_to_y", examples=[{"x": -(2**70)}, {"x": 2**64}])
    got = ask(rest.port, "POST", f"{MODEL}:regress", json.dumps(body))
    assert got.json["results"] == pytest.approx([-(2.0**69), 2.0**63])
