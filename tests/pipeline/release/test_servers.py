"""What servers say of a version, read from what our metrics really write."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from pipeline.release.servers import KEY_VARIABLE, Servers, VersionBroken
from schemas.config import PushConfig
from schemas.errors import TrainworksError
from serving.calls import Call
from serving.errors import Code
from serving.interface import VersionStatus
from serving.metrics import Metrics

METRICS = "/monitoring/prometheus/metrics"


@contextmanager
def answering(pages: dict[str, bytes], key: str = "") -> Iterator[str]:
    """A server of pages; the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            allowed = not key or self.headers.get("authorization") == f"Bearer {key}"
            self.send_response(401 if not allowed else 404 if page is None else 200)
            self.end_headers()
            self.wfile.write(page if page is not None and allowed else b'{"error": "no"}')

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def metrics_of(*calls: Call) -> bytes:
    metrics = Metrics(lambda: {"news": [VersionStatus(2, "AVAILABLE")]})
    for call in calls:
        metrics.call_ended(call)
    return metrics.exposition()


def _servers(*urls: str) -> Servers:
    return Servers(PushConfig(directory="served", policy="canary", servers=urls), "news")


def status_of(**states: str) -> bytes:
    told = [
        {"version": version.removeprefix("v"), "state": state, "status": {"error_code": "OK", "error_message": ""}}
        for version, state in states.items()
    ]
    return json.dumps({"model_version_status": told}).encode()


def test_calls_are_counted_by_version_over_all_servers() -> None:
    ok = Call("rest", "Predict", "", model="news", version=2, seconds=0.002)
    bad = Call("grpc", "Classify", "", model="news", version=2, code=Code.INTERNAL, seconds=0.002)
    others = (
        Call("rest", "Predict", "", model="news", version=1, seconds=9.0),
        Call("rest", "Predict", "", model="weather", version=2, seconds=9.0),
        Call("rest", "GetModelStatus", "", model="news", version=2, seconds=9.0),
    )
    with answering({METRICS: metrics_of(ok, ok, bad)}) as one, answering({METRICS: metrics_of(ok, *others)}) as two:
        counts = _servers(one, two).counts(2)
    assert (counts.calls, counts.codes["OK"], counts.error_rate) == (4, 3, 0.25)
    assert 1.0 < counts.latency_ms(0.99) < 3.6  # the bucket that 2 ms fall into
    with answering({METRICS: metrics_of()}) as none:
        assert _servers(none).counts(2).calls == 0


def test_a_version_is_available_once_every_server_has_loaded_it() -> None:
    path = "/v1/models/news"
    with (
        answering({path: status_of(v2="AVAILABLE", v1="AVAILABLE")}) as one,
        answering({path: status_of(v1="AVAILABLE", v2="LOADING")}) as two,
        answering({}) as new,
    ):
        assert _servers(one).not_available(2) == ""
        assert _servers(one, two).not_available(2) == f"version 2 is LOADING at {two}"
        assert _servers(one, new).not_available(2) == f"version 2 is not known at {new}"
        broken = json.loads(status_of(v2="END"))
        broken["model_version_status"][0]["status"]["error_message"] = "no saved_model.pb"
        with (
            answering({path: json.dumps(broken).encode()}) as three,
            pytest.raises(VersionBroken, match="no saved_mod"),
        ):
            _servers(three).not_available(2)


def test_what_servers_do_not_say_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(TrainworksError, match=r"http://127.0.0.1:1, of `push.servers`, must answer"):
        _servers("http://127.0.0.1:1").counts(2)
    with answering({}) as none, pytest.raises(TrainworksError, match=r"need `--monitoring_config_file`. Received: 404"):
        _servers(none).counts(2)
    foreign = (
        b'# TYPE :tensorflow:serving:request_count counter\n:tensorflow:serving:request_count{model_name="news"} 3\n'
    )
    with (
        answering({METRICS: foreign}) as tf_serving,
        pytest.raises(TrainworksError, match="must count calls by version"),
    ):
        _servers(tf_serving).counts(2)
    with answering({METRICS: metrics_of()}, key="secret") as closed:
        with pytest.raises(TrainworksError, match="a key may be given in TRAINWORKS_SERVER_KEY"):
            _servers(closed).counts(2)
        monkeypatch.setenv(KEY_VARIABLE, "secret")
        assert _servers(closed).counts(2).calls == 0


@pytest.mark.parametrize("page", [b"<html>no model server</html>", b"[]", b'{"model_version_status": [{}]}', b"\xff"])
def test_who_is_no_model_server_is_told(page: bytes) -> None:
    with (
        answering({"/v1/models/news": page}) as other,
        pytest.raises(TrainworksError, match="must be the REST address of a model server"),
    ):
        _servers(other).not_available(2)


def test_metrics_in_another_format_are_told() -> None:
    with (
        answering({METRICS: b"<html>metrics</html>"}) as other,
        pytest.raises(TrainworksError, match=r"must be in Prometheus' text format; see `push.metrics_path`"),
    ):
        _servers(other).counts(2)


def test_an_address_that_is_none_is_told() -> None:
    with pytest.raises(TrainworksError, match=r"http://127.0.0.1:port, of `push.servers`, must answer"):
        _servers("http://127.0.0.1:port").not_available(2)
