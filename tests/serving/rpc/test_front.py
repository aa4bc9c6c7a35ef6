"""Calls over a socket, answered by functions of bytes."""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest

from serving.errors import Code
from serving.rpc.front import Answer, Front
from serving.rpc.rpc import Reply, Rpc
from serving.turns import step_aside
from tests.serving.clients import until


def _echo(data: bytes, rpc: Rpc) -> Reply:
    return Reply(data)


@dataclass
class Slow:
    """Answers once it is told to."""

    aside: bool = True
    began: list[bytes] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)

    def __call__(self, data: bytes, rpc: Rpc) -> Reply:
        self.began.append(data)
        if self.aside:
            step_aside()
        assert self.release.wait(20)
        return Reply(data)


@dataclass
class Asked:
    """A server, and a client of it."""

    server: grpc.Server
    front: Front
    channel: grpc.Channel

    def __call__(self, name: str) -> Any:
        return self.channel.unary_unary(f"/test.Test/{name}")

    def stop(self, grace: float) -> None:
        self.server.stop(grace).wait()
        self.front.stop()


@contextmanager
def _front(
    threads: int = 4, queue: int = 100, queue_bytes: int = 1 << 20, request_seconds: float = 30, **answers: Answer
) -> Iterator[Asked]:
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", 1 << 20)])
    front = Front(
        server,
        {f"/test.Test/{name}": answer for name, answer in answers.items()},
        threads=threads,
        queue=queue,
        queue_bytes=queue_bytes,
        request_seconds=request_seconds,
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    front.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        asked = Asked(server, front, channel)
        yield asked
        asked.stop(0)


def _failure(future: Any) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError):
        future.result(20)
    return future.code().name, future.details()


def test_thousands_of_calls_get_their_own_answers() -> None:
    with _front(queue=2000, Echo=_echo, Twice=lambda data, rpc: Reply(2 * data)) as asked:
        echo, twice = asked("Echo"), asked("Twice")
        calls = [(echo if number % 2 else twice).future(b"%d" % number) for number in range(2000)]
        for number, call in enumerate(calls):
            assert call.result(20) == (b"%d" if number % 2 else b"%d%d") % ((number,) * (2 - number % 2))
        assert echo(b"") == b""


def test_what_is_known_of_a_call() -> None:
    known = list[tuple[str, dict[str, Any], float]]()

    def look(data: bytes, rpc: Rpc) -> Reply:
        known.append((rpc.peer, dict(rpc.metadata), rpc.seconds_left))
        return Reply(b"seen")

    with _front(Look=look) as asked:
        asked("Look")(b"", timeout=30, metadata=[("key", "value"), ("raw-bin", b"\xff")])
        asked("Look")(b"")
    (peer, metadata, left), (_, _, ages) = known
    assert peer.startswith("ipv4:127.0.0.1:")
    assert (metadata["key"], metadata["raw-bin"]) == ("value", b"\xff")
    assert 20 < left < 31
    assert ages > 1e6


def test_failures_have_their_code_and_words(caplog: pytest.LogCaptureFixture) -> None:
    def fail(data: bytes, rpc: Rpc) -> Reply:
        if data:
            raise ValueError("secret")
        return Reply(code=Code.NOT_FOUND, details="Nothing is called “ü”.")

    with _front(Fail=fail) as asked, caplog.at_level(logging.ERROR):
        assert _failure(asked("Fail").future(b"")) == ("NOT_FOUND", "Nothing is called “ü”.")
        assert _failure(asked("Fail").future(b"x")) == ("INTERNAL", "It failed unexpectedly: ValueError")
        assert _failure(asked("Other").future(b""))[0] == "UNIMPLEMENTED"
        assert _failure(asked("Fail").future(bytes(2 << 20)))[0] == "RESOURCE_EXHAUSTED"  # too large a message
        nothing = asked.channel.stream_unary("/test.Test/Fail").future(iter(()))
        assert _failure(nothing) == ("UNIMPLEMENTED", "There must be exactly one message.")
    assert "secret" in caplog.text


def test_calls_beyond_the_queue_are_refused_and_those_within_are_answered() -> None:
    slow = Slow()
    with _front(threads=2, queue=3, Slow=slow, Echo=_echo) as asked:
        calls = [asked("Slow").future(b"%d" % number) for number in range(5)]
        until(lambda: len(slow.began) == 2)
        refused = asked("Slow").future(b"5")
        assert _failure(refused) == (
            "RESOURCE_EXHAUSTED",
            "The server is busy, 5 calls are under way: try again later.",
        )
        assert len(slow.began) == 2
        slow.release.set()
        assert [call.result(20) for call in calls] == [b"%d" % number for number in range(5)]
        assert asked("Slow")(b"again", timeout=10) == b"again"


def test_who_gives_up_while_waiting_is_not_worked_for() -> None:
    slow = Slow()
    with _front(threads=1, Slow=slow) as asked:
        first = asked("Slow").future(b"first")
        until(lambda: slow.began)
        late, canceled = asked("Slow").future(b"late", timeout=0.5), asked("Slow").future(b"canceled")
        last = asked("Slow").future(b"last")
        until(lambda: asked.front.open_calls == 4)
        assert _failure(late)[0] == "DEADLINE_EXCEEDED"
        canceled.cancel()
        until(lambda: asked.front.open_calls == 2)
        slow.release.set()
        assert (first.result(20), last.result(20)) == (b"first", b"last")
        until(lambda: asked.front.open_calls == 0)
    assert slow.began == [b"first", b"last"]


def test_requests_that_wait_are_not_too_many_bytes_and_none_of_those_who_have_gone() -> None:
    slow, large = Slow(), bytes(40_000)
    with _front(threads=1, queue_bytes=100_000, Slow=slow) as asked:
        first = asked("Slow").future(b"first")
        until(lambda: slow.began)
        waiting = [asked("Slow").future(large) for _ in range(2)]
        until(lambda: asked.front.open_calls == 3)
        refused = asked("Slow").future(large)
        assert _failure(refused) == (
            "RESOURCE_EXHAUSTED",
            "The server is busy, requests of too many bytes wait: try again later.",
        )
        waiting[0].cancel()
        until(lambda: asked.front.open_calls == 2)
        last = asked("Slow").future(large)
        until(lambda: asked.front.open_calls == 3)
        slow.release.set()
        assert [len(call.result(20)) for call in (first, waiting[1], last)] == [5, 40_000, 40_000]


def test_a_thread_survives_what_its_work_does(caplog: pytest.LogCaptureFixture) -> None:
    def leave(data: bytes, rpc: Rpc) -> Reply:
        raise SystemExit(1)

    def answer_text(data: bytes, rpc: Rpc) -> Reply:
        text: Any = "text"
        return Reply(text)

    with _front(threads=1, Leave=leave, Nonsense=answer_text, Echo=_echo) as asked, caplog.at_level(logging.ERROR):
        for _ in range(5):
            assert _failure(asked("Leave").future(b"")) == ("INTERNAL", "It failed unexpectedly: SystemExit")
            assert _failure(asked("Nonsense").future(b"")) == ("INTERNAL", "It failed unexpectedly: TypeError")
        assert asked("Echo")(b"x", timeout=10) == b"x"
        until(lambda: asked.front.open_calls == 0)


def test_packed_requests() -> None:
    with _front(Echo=_echo) as asked:
        assert asked("Echo")(bytes(100_000), compression=grpc.Compression.Gzip) == bytes(100_000)


@pytest.mark.parametrize("aside", [True, False], ids=["aside", "stuck"])
def test_others_do_not_wait_for_what_takes_time(aside: bool) -> None:
    slow = Slow(aside)
    with _front(Slow=slow, Echo=_echo) as asked:
        calls = [asked("Slow").future(b"") for _ in range(3)]
        start = time.monotonic()
        assert [asked("Echo")(b"x", timeout=10) for _ in range(50)] == [b"x"] * 50
        assert time.monotonic() - start < 5
        slow.release.set()
        assert [call.result(20) for call in calls] == [b""] * 3


def test_who_does_not_send_keeps_nobody_waiting_and_is_cut_off() -> None:
    over = threading.Event()

    def nothing() -> Iterator[bytes]:
        over.wait(30)
        yield from ()

    with _front(threads=2, queue=8, request_seconds=0.5, Echo=_echo) as asked:
        silent = asked.channel.stream_unary("/test.Test/Echo")
        calls = [silent.future(nothing()) for _ in range(5)]
        assert asked("Echo")(b"x", timeout=10) == b"x"
        for call in calls:
            assert _failure(call) == ("DEADLINE_EXCEEDED", "The request was not sent within 0.5 s.")
        calls = [silent.future(nothing()) for _ in range(10)]  # as many as there may be at all
        until(lambda: asked("Echo").future(b"x").exception(10) is not None)
        until(lambda: asked("Echo").future(b"x").exception(10) is None)
        over.set()


def test_the_end_waits_for_calls_in_flight_and_not_for_ever() -> None:
    slow, stuck = Slow(), Slow()
    with _front(Slow=slow, Stuck=stuck) as asked:
        call, lost = asked("Slow").future(b"x"), asked("Stuck").future(b"y")
        until(lambda: slow.began and stuck.began)
        threading.Timer(0.3, slow.release.set).start()
        stopped = asked.server.stop(1)
        assert call.result(20) == b"x"
        assert _failure(lost)[0] in ("CANCELLED", "UNAVAILABLE")
        assert stopped.wait(10)
        start = time.monotonic()
        asked.front.stop()
        assert time.monotonic() - start < 3
        stuck.release.set()  # its answer goes nowhere
        until(lambda: asked.front.open_calls == 0)
