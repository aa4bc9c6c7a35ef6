"""Unary calls of a gRPC server, each answered by the thread that hears of it.

gRPC's Python server has a thread that hears of calls and a pool that answers them: a call goes back and forth between
the two several times, which costs several times what a small model takes. The methods here are registered with a
completion queue of their own, which threads listen to in turns (serving/turns.py); all else that a server does, its
ports, other services and its end, stays grpc.server's. What is used for that, `grpc._cython.cygrpc`, is what
grpc.server is made of: it is not public, but has been as it is for years.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import grpc
from grpc._cython import cygrpc

from serving.errors import Code
from serving.turns import Ending, TurnTaking, Work

_NO_FLAGS: Final = 0
_AT_ONCE: Final = 0
"""A deadline that is long over."""
_TOGETHER: Final = 64
"""Calls that are answered together at most."""
_LAST_SECONDS: Final = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a message, or what is wrong."""

    message: bytes = b""
    code: Code = Code.OK
    details: str = ""


class Rpc:
    """What is known of a call."""

    __slots__ = ("_call", "_event", "is_over")

    def __init__(self, event: Any) -> None:
        self._event, self._call = event, event.call
        self.is_over = False
        """Whether the client waits no more: it has gone, or its time is over."""

    @property
    def peer(self) -> str:
        """The client's address, as gRPC writes it: `ipv4:127.0.0.1:5000`."""
        return str(self._call.peer().decode())

    @property
    def metadata(self) -> Mapping[str, str | bytes]:
        """What came with the request, by lower-case key; of several under one key the last."""
        return dict(self._event.invocation_metadata or ())

    @property
    def seconds_left(self) -> float:
        """Until its deadline; ages where it has none."""
        return max(0.0, self._event.call_details.deadline - time.time())

    def closed(self, event: Any) -> None:
        """Hears that the call has come to its end."""
        self.is_over = event.batch_operations[0].cancelled()

    def start(self, operations: Sequence[Any], then: "_Tag") -> None:
        """Begins what gRPC does for a call; `then` is told when that is done."""
        self._call.start_server_batch(operations, then)


Answer = Callable[[bytes, Rpc], Reply]
"""From a request to its answer. What it raises is INTERNAL."""

_Tag = Callable[[Any], Work | None]
"""What is called with an event that gRPC tells of; returns what is to be done about it, if it may take time."""


class Front:
    """Hears of the calls of some methods, and has them answered.

    Args:
        server: where they are called; not started yet.
        methods: what answers, by path: `/package.Service/Method`.
        threads: calls that are answered at once.
        queue: calls that may wait for a thread, beyond which they fail with RESOURCE_EXHAUSTED.
    """

    def __init__(self, server: grpc.Server, methods: Mapping[str, Answer], threads: int, queue: int) -> None:
        self._core: Any = server._cy_server  # type: ignore[attr-defined]
        self._events = cygrpc.CompletionQueue()
        self._core.register_completion_queue(self._events)
        self._methods = methods
        for path in methods:
            self._core.register_method(path)
        self._lock, self._open, self._most, self._has_stopped = threading.Lock(), 0, threads + queue, False
        self._threads = TurnTaking(threads, "grpc", self._listen)

    def start(self) -> None:
        """Takes calls from now on; the server has started."""
        for path in self._methods:
            self._await_call(path)
        self._threads.start()

    def stop(self) -> None:
        """Listens no more; the server has stopped. A call that is still worked on gets no answer."""
        with self._lock:
            self._has_stopped = True
            self._events.shutdown()
        self._threads.join(_LAST_SECONDS)

    def _await_call(self, path: str) -> None:
        with suppress(ValueError):  # the server ends, and takes no more calls
            self._core.request_registered_call(self._events, self._events, path, partial(self._begin, path))

    def _listen(self) -> Sequence[Work] | None:
        event, works = self._events.poll(), list[Work]()
        if event.tag is None:  # the queue was shut down
            return None
        while event.tag is not None:
            try:
                work = event.tag(event)
            except Exception:  # one call must not take the others along
                _log.exception("A call could not be taken")
            else:
                if work is not None:
                    works.append(work)
            del event  # it must not outlive its call
            if len(works) == _TOGETHER:
                break
            event = self._events.poll(_AT_ONCE)
        return works

    def _begin(self, path: str, event: Any) -> None:
        """A call has come, if not yet its message."""
        if not event.success:  # the server ends
            return
        self._await_call(path)
        rpc = Rpc(event)
        self._start(rpc, (cygrpc.ReceiveCloseOnServerOperation(_NO_FLAGS),), rpc.closed)
        with self._lock:
            has_room = self._open < self._most
            self._open += has_room
        if has_room:
            received = partial(self._received, path, rpc)
            self._start(rpc, (cygrpc.ReceiveMessageOperation(_NO_FLAGS),), received)
        else:
            details = f"{self._most} calls are being answered or wait: try again later."
            self._send(rpc, Reply(code=Code.RESOURCE_EXHAUSTED, details=details))

    def _received(self, path: str, rpc: Rpc, event: Any) -> Work:
        return partial(self._answer, path, rpc, event.batch_operations[0].message())

    def _answer(self, path: str, rpc: Rpc, message: bytes | None) -> Ending:
        try:
            if message is None:  # too large, which gRPC has told the client, or none at all
                reply = Reply(code=Code.UNIMPLEMENTED, details="There must be exactly one message.")
            elif rpc.is_over:
                reply = Reply(code=Code.CANCELLED)
            else:
                reply = self._methods[path](message, rpc)
        except Exception as error:
            _log.exception("%s failed unexpectedly", path)
            reply = Reply(code=Code.INTERNAL, details=f"It failed unexpectedly: {type(error).__name__}")
        with self._lock:
            self._open -= 1
        return partial(self._send, rpc, reply)

    def _send(self, rpc: Rpc, reply: Reply) -> None:
        operations = [cygrpc.SendInitialMetadataOperation(None, _NO_FLAGS)]
        if reply.code == Code.OK:
            operations.append(cygrpc.SendMessageOperation(reply.message, _NO_FLAGS))
        details = reply.details.encode("utf-8", "replace")
        operations.append(cygrpc.SendStatusFromServerOperation(None, int(reply.code), details, _NO_FLAGS))
        self._start(rpc, operations, _is_sent)

    def _start(self, rpc: Rpc, operations: Sequence[Any], then: _Tag) -> None:
        """Begins what gRPC does for a call, unless its events are listened to no more: gRPC would abort the process."""
        try:
            with self._lock:
                if not self._has_stopped:
                    rpc.start(operations, then)
        except Exception:
            _log.exception("gRPC refuses to go on with a call")


def _is_sent(event: Any) -> None:
    """There is nothing to do once an answer was sent."""
