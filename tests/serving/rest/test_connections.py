"""Requests that are answered where they are received, beside those that wait for a task or a thread."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from serving.access.gate import Gate
from serving.access.keys import KeyFile
from serving.calls import Call
from serving.errors import Code
from serving.models.manager import ModelManager
from serving.rest.server import RestOptions, RestServer
from tests.serving.rest.conftest import Rest

PATH = "/v1/models/half_plus_two:predict"


@pytest.fixture(autouse=True)
def quick(models: ModelManager) -> None:
    """The model is known to be quick."""
    with models.acquire("half_plus_two") as loaded:
        for _ in range(50):
            loaded.predict("serving_default", {"x": np.float32([1])}, ())
        assert loaded.is_quick("serving_default")


@contextmanager
def _connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        yield client


def _request(body: str, *headers: str, path: str = PATH) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "host: a", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", body]).encode()


def _answers(client: socket.socket, count: int) -> list[tuple[int, bytes]]:
    """Status and body of so many answers."""
    answers, file = [], client.makefile("rb")
    for _ in range(count):
        status, length = int(file.readline().split()[1]), 0
        while (line := file.readline().strip().lower()) != b"":
            name, _, value = line.partition(b":")
            length = int(value) if name == b"content-length" else length
        answers.append((status, file.read(length)))
    return answers


def test_requests_that_come_together_are_answered_in_their_order(rest: Rest) -> None:
    bodies = ['{"instances":[1]}', '{"instances":["x"]}', '{"instances":[3]}', "no JSON", '{"instances":[5]}']
    together = b"".join(map(_request, bodies)) + _request(bodies[0], path="/v1/models/nobody:predict")
    before = len(rest.calls)
    with _connected(rest.port) as client:
        client.sendall(together)
        answers = _answers(client, 6)
    assert [status for status, _ in answers] == [200, 400, 200, 400, 200, 404]
    assert [body for status, body in answers if status == 200] == [
        b'{"predictions":[2.5]}',
        b'{"predictions":[3.5]}',
        b'{"predictions":[4.5]}',
    ]
    codes = [Code.OK, Code.INVALID_ARGUMENT, Code.OK, Code.INVALID_ARGUMENT, Code.OK, Code.NOT_FOUND]
    assert [call.code for call in rest.calls[before:]] == codes


@pytest.mark.parametrize("cut", [1, 30, 80, 95])
def test_a_request_that_comes_in_pieces(rest: Rest, cut: int) -> None:
    whole = _request('{"instances":[1]}')
    with _connected(rest.port) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for sent in (whole[:cut], whole[cut:] + whole[:cut], whole[cut:]):
            client.sendall(sent)
        assert _answers(client, 2) == [(200, b'{"predictions":[2.5]}')] * 2


def test_a_key_and_its_rate_count_once(models: ModelManager, tmp_path: Path) -> None:
    keys, secret = KeyFile().with_new("app", ["predict"], requests_per_second=2)
    keys.save(tmp_path / "keys.json")
    calls: list[Call] = []
    server = RestServer(models, RestOptions(port=0), Gate(tmp_path / "keys.json"), [calls.append])
    server.start()
    with _connected(server.port) as client:
        client.sendall(_request('{"instances":[1]}'))
        client.sendall(_request('{"instances":[1]}', f"authorization: Bearer {secret}") * 4)
        assert [status for status, _ in _answers(client, 5)] == [401, 200, 200, 429, 429]
    assert [(call.who, call.version) for call in calls[:2]] == [("anonymous", None), ("app", 123)]
    assert [call.request_bytes for call in calls] == [0, 17, 17, 0, 0]  # the body of who is refused is not read
    server.stop(1)


def test_who_wants_the_connection_closed_or_waits_before_sending_is_answered(rest: Rest) -> None:
    with _connected(rest.port) as client:
        client.sendall(_request('{"instances":[1]}', "connection: close"))
        assert _answers(client, 1) == [(200, b'{"predictions":[2.5]}')]
        assert client.recv(1) == b""
    with _connected(rest.port) as client:
        client.sendall(_request('{"instances":[1]}', "expect: 100-continue"))
        assert client.makefile("rb").readline() == b"HTTP/1.1 100 Continue\r\n"


def test_a_client_that_is_gone_is_not_answered(rest: Rest) -> None:
    for _ in range(20):
        with _connected(rest.port) as client:
            client.sendall(_request('{"instances":[1]}'))
    with _connected(rest.port) as client:
        client.sendall(_request('{"instances":[1]}'))
        assert _answers(client, 1) == [(200, b'{"predictions":[2.5]}')]
