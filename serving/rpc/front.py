"""Unary calls of a gRPC server, each answered by the thread that hears of it.

gRPC's Python server has a thread that hears of calls and a pool that answers them: a call goes back and forth between
the two several times, which costs several times what a small model takes. The methods here are registered with a
completion queue of their own, which threads listen to in turns (serving/turns.py); all else that a server does, its
ports, other services and its end, stays grpc.server's. What is used for that, `grpc._cython.cygrpc`, is what
grpc.server is made of: it is not public, but has been as it is for years.
"""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import grpc
from grpc._cython import cygrpc

from serving.errors import Code
from serving.rpc.rpc import Reply, Rpc, Tag
from serving.turns import Ending, TurnTaking, Work

_NO_FLAGS: Final = 0
_AT_ONCE: Final = 0
"""A deadline that is long over."""
_TOGETHER: Final = 256
"""Events that are heard of at most before something is done: a call has four."""
_TOGETHER_BYTES: Final = 1 << 20
"""What the messages of calls may weigh that are heard of together; one may weigh more."""
_LAST_SECONDS: Final = 5.0
_SWEEPS: Final = 30
"""Looks for slow senders, in the time that one has."""

_log = logging.getLogger(__name__)


Answer = Callable[[bytes, Rpc], Reply]
"""From a request to its answer. What it raises is INTERNAL."""


class Front:
    """Hears of the calls of some methods, and has them answered.

    Args:
        server: where they are called; not started yet.
        methods: what answers, by path: `/package.Service/Method`.
        threads: calls that are answered at once.
        queue: calls that may wait for a thread, beyond which they fail with RESOURCE_EXHAUSTED.
        queue_bytes: what the requests may weigh that wait, likewise.
        request_seconds: how long a client may take to send a request.
    """

    def __init__(
        self,
        server: grpc.Server,
        methods: Mapping[str, Answer],
        *,
        threads: int,
        queue: int,
        queue_bytes: int,
        request_seconds: float,
    ) -> None:
        self._core: Any = server._cy_server  # type: ignore[attr-defined]
        self._events = cygrpc.CompletionQueue()
        self._core.register_completion_queue(self._events)
        self._methods = methods
        for path in methods:
            self._core.register_method(path)
        self._most, self._most_bytes, self._request_seconds = threads + queue, queue_bytes, request_seconds
        self._lock = threading.Condition()
        self._open, self._waiting_bytes, self._starting = set[Rpc](), 0, 0
        self._has_stopped = threading.Event()
        self._threads = TurnTaking(threads, "grpc", self._listen)
        self._sweeper = threading.Thread(target=self._sweep, name="grpc-sweeper", daemon=True)

    @property
    def open_calls(self) -> int:
        """Calls whose client waits, or that are being worked on."""
        return len(self._open)

    def start(self) -> None:
        """Takes calls from now on; the server has started."""
        for path in self._methods:
            self._await_call(path)
        self._threads.start()
        self._sweeper.start()

    def stop(self) -> None:
        """Listens no more; the server has stopped. A call that is still worked on gets no answer."""
        with self._lock:
            self._has_stopped.set()
            self._lock.wait_for(lambda: not self._starting)
        self._events.shutdown()
        self._threads.join(_LAST_SECONDS)

    def _await_call(self, path: str) -> None:
        with suppress(ValueError):  # the server ends, and takes no more calls
            self._core.request_registered_call(self._events, self._events, path, partial(self._begin, path))

    def _listen(self) -> Sequence[Work] | None:
        event, works, before = self._events.poll(), list[Work](), self._waiting_bytes
        if event.tag is None:  # the queue was shut down
            return None
        for heard in itertools.count(1):
            try:
                work = event.tag(event)
            except Exception:  # one call must not take the others along
                _log.exception("A call could not be taken")
            else:
                if work is not None:
                    works.append(work)
            del event  # it must not outlive its call
            if heard == _TOGETHER or self._waiting_bytes - before > _TOGETHER_BYTES:
                break
            event = self._events.poll(_AT_ONCE)
            if event.tag is None:
                break
        return works

    def _begin(self, path: str, event: Any) -> None:
        """A call has come, if not yet its message."""
        self._await_call(path)
        if not event.success:  # the call is gone already, or the server ends
            return
        rpc = Rpc(path, event)
        self._start(rpc, (cygrpc.ReceiveCloseOnServerOperation(_NO_FLAGS),), partial(self._closed, rpc))
        with self._lock:
            has_room = len(self._open) < self._most
            if has_room:
                self._open.add(rpc)
                rpc.awaited_since = time.monotonic()
        if has_room:
            self._start(rpc, (cygrpc.ReceiveMessageOperation(_NO_FLAGS),), partial(self._received, rpc))
        else:
            self._send(rpc, _refusal(f"{self._most} calls are under way"))

    def _received(self, rpc: Rpc, event: Any) -> Work | None:
        message = event.batch_operations[0].message()
        with self._lock:
            rpc.awaited_since = None
            has_room = message is not None and self._waiting_bytes + len(message) <= self._most_bytes
            if has_room and not rpc.is_over:
                rpc.message = message
                self._waiting_bytes += len(message)
                return partial(self._answer, rpc)
            self._open.discard(rpc)
        if message is None:  # too large, which gRPC has told the client, or none at all
            self._send(rpc, Reply(code=Code.UNIMPLEMENTED, details="There must be exactly one message."))
        elif not has_room:
            self._send(rpc, _refusal("requests of too many bytes wait"))
        return None

    def _closed(self, rpc: Rpc, event: Any) -> None:
        """A call has come to its end; if its client has gone, what waits is dropped."""
        if event.batch_operations[0].cancelled():
            with self._lock:
                rpc.is_over = True
                if self._taken(rpc) is not None:
                    self._open.discard(rpc)

    def _taken(self, rpc: Rpc) -> bytes | None:
        """The request of a call, which waits no more."""
        message, rpc.message = rpc.message, None
        if message is not None:
            self._waiting_bytes -= len(message)
        return message

    def _answer(self, rpc: Rpc) -> Ending | None:
        with self._lock:
            message = self._taken(rpc)
        if message is None:  # the client has gone
            return None
        try:
            reply = self._methods[rpc.path](message, rpc)
        except BaseException as error:  # whatever a model does, the thread goes on
            _log.exception("%s failed unexpectedly", rpc.path)
            reply = _failure(error)
        with self._lock:
            self._open.discard(rpc)
        return partial(self._send, rpc, reply)

    def _sweep(self) -> None:
        """Cuts off who sends too slowly."""
        while not self._has_stopped.wait(self._request_seconds / _SWEEPS):
            with self._lock:
                limit = time.monotonic() - self._request_seconds
                late = [rpc for rpc in self._open if rpc.awaited_since is not None and rpc.awaited_since < limit]
            for rpc in late:
                rpc.cut(f"The request was not sent within {self._request_seconds:g} s.")

    def _send(self, rpc: Rpc, reply: Reply) -> None:
        try:
            self._start(rpc, _sending(reply), _is_sent)
        except Exception as error:
            _log.exception("An answer of %s cannot be sent", rpc.path)
            self._start(rpc, _sending(_failure(error)), _is_sent)

    def _start(self, rpc: Rpc, operations: Sequence[Any], then: Tag) -> None:
        """Begins what gRPC does for a call, unless its events are listened to no more: gRPC would abort the process."""
        with self._lock:
            if self._has_stopped.is_set():
                return
            self._starting += 1
        try:
            rpc.start(operations, then)
        finally:
            with self._lock:
                self._starting -= 1
                if self._has_stopped.is_set():
                    self._lock.notify_all()


def _refusal(why: str) -> Reply:
    return Reply(code=Code.RESOURCE_EXHAUSTED, details=f"The server is busy, {why}: try again later.")


def _failure(error: BaseException) -> Reply:
    return Reply(code=Code.INTERNAL, details=f"It failed unexpectedly: {type(error).__name__}")


def _sending(reply: Reply) -> Sequence[Any]:
    operations = [cygrpc.SendInitialMetadataOperation(None, _NO_FLAGS)]
    if reply.code == Code.OK:
        operations.append(cygrpc.SendMessageOperation(reply.message, _NO_FLAGS))
    details = reply.details.encode("utf-8", "replace")
    operations.append(cygrpc.SendStatusFromServerOperation(None, int(reply.code), details, _NO_FLAGS))
    return operations


def _is_sent(event: Any) -> None:
    """There is nothing to do once an answer was sent."""
