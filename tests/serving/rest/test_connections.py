"""Requests that are answered where they are received, beside those that wait for a task or a thread."""

import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import numpy as np
import pytest

from serving.access.gate import Gate
from serving.access.keys import KeyFile
from serving.calls import Call
from serving.errors import Code
from serving.models.manager import ModelManager
from serving.rest.connections import Connection
from serving.rest.server import RestOptions, RestServer
from tests.serving.clients import until
from tests.serving.rest.conftest import Rest

PATH = "/v1/models/half_plus_two:predict"


@pytest.fixture(autouse=True)
def quick(models: ModelManager) -> None:
    """The model is known to be quick."""
    with models.acquire("half_plus_two") as loaded:
        for _ in range(50):
            loaded.predict("serving_default", {"x": np.float32([1])}, ())
        assert loaded.is_quick("serving_default")


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The paths of requests whose heads are parsed."""
    paths = list[bytes]()
    on_url = Connection.on_url

    def noted(self: Connection, url: bytes) -> None:
        paths.append(url)
        on_url(self, url)

    monkeypatch.setattr(Connection, "on_url", noted)
    return paths


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


def _asked(client: socket.socket, sent: bytes) -> tuple[int, bytes]:
    client.sendall(sent)
    return _answers(client, 1)[0]


def test_a_head_that_comes_again_stands_for_what_it_stood_for(rest: Rest, parsed: list[bytes]) -> None:
    with _connected(rest.port) as client:
        for number in (1, 2, 3):
            assert _asked(client, _request(f'{{"instances":[{number}]}}')) == (
                200,
                b'{"predictions":[%.1f]}' % (number / 2 + 2),
            )
        assert len(parsed) == 1
        assert _asked(client, _request('{"instances":[a]}'))[0] == 400
        assert _asked(client, _request('{"instances":[12]}')) == (200, b'{"predictions":[8.0]}')
        assert _asked(client, _request('{"instances":[14]}')) == (200, b'{"predictions":[9.0]}')
        assert len(parsed) == 3


def test_after_a_head_that_is_known_others_are_parsed(rest: Rest, parsed: list[bytes]) -> None:
    known = _request('{"instances":[1]}')
    with _connected(rest.port) as client:
        assert _asked(client, known)[0] == 200
        client.sendall(known + known[:40])  # with the beginning of another one
        assert _answers(client, 1) == [(200, b'{"predictions":[2.5]}')]
        assert _asked(client, known[40:]) == (200, b'{"predictions":[2.5]}')
        assert _asked(client, _request('{"instances":[1]}', path="/v1/models/nobody:predict"))[0] == 404
        client.sendall(known + known)
        assert _answers(client, 2) == [(200, b'{"predictions":[2.5]}')] * 2
    assert len(parsed) == 6


def test_the_rest_of_a_request_is_no_head(rest: Rest) -> None:
    whole = _request('{"instances":[1]}')
    with _connected(rest.port) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(whole[:60])
        time.sleep(0.1)
        assert _asked(client, whole[60:])[0] == 200
        assert _asked(client, whole[60:])[0] == 400


def test_each_request_of_a_known_head_is_admitted(models: ModelManager, tmp_path: Path) -> None:
    keys, secret = KeyFile().with_new("app", ["predict"], requests_per_second=2)
    keys.save(tmp_path / "keys.json")
    server = RestServer(models, RestOptions(port=0), Gate(tmp_path / "keys.json"))
    server.start()
    request = _request('{"instances":[1]}', f"authorization: Bearer {secret}")
    with _connected(server.port) as client:
        assert [_asked(client, request)[0] for _ in range(4)] == [200, 200, 429, 429]
    server.stop(1)


def test_a_known_head_is_answered_before_the_server_ends(models: ModelManager) -> None:
    server = RestServer(models, RestOptions(port=0), Gate())
    server.start()
    with _connected(server.port) as client:
        assert _asked(client, _request('{"instances":[1]}'))[0] == 200
        client.sendall(_request('{"instances":[2]}'))
        server.stop(5)
        assert _answers(client, 1) == [(200, b'{"predictions":[3.0]}')]
        assert client.recv(1) == b""


def _date(client: socket.socket) -> datetime:
    """What an answer says of the time."""
    client.sendall(_request('{"instances":[1]}'))
    received = b""
    while not received.endswith(b"]}"):
        received += client.recv(4096)
    (date,) = [line.decode() for line in received.split(b"\r\n") if line.startswith(b"date: ")]
    return parsedate_to_datetime(date.removeprefix("date: "))


def test_answers_of_a_known_head_tell_the_time(rest: Rest, parsed: list[bytes]) -> None:
    with _connected(rest.port) as client:
        dates = [_date(client)]

        def is_later_and_known() -> bool:
            heads = len(parsed)
            dates.append(_date(client))
            return dates[-1] > dates[0] + timedelta(seconds=1) and len(parsed) == heads

        until(is_later_and_known)
    assert dates == sorted(dates)
    assert len(parsed) < len(dates) / 2


def test_a_connection_that_is_idle_is_closed_and_one_that_is_not_is_kept(models: ModelManager) -> None:
    server = RestServer(models, RestOptions(port=0, keep_alive_seconds=1), Gate())
    server.start()
    with _connected(server.port) as idle, _connected(server.port) as busy:
        assert _asked(idle, _request('{"instances":[1]}'))[0] == 200
        while not select.select([idle], [], [], 0.1)[0]:
            assert _asked(busy, _request('{"instances":[1]}')) == (200, b'{"predictions":[2.5]}')
        assert idle.recv(1) == b""
        assert _asked(busy, _request('{"instances":[1]}'))[0] == 200
    server.stop(1)
