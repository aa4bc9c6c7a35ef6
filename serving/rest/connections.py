"""HTTP connections that do not wait for slow senders, take no endless headers, and answer at once what can be.

An ASGI server makes a task of every request. A small model takes less time than that: so a request that has come whole
is first shown to the application, which may answer it on the spot. Clients that keep their connection send the same
head (request line and headers, to the byte) again and again; that is not parsed again.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from serving.rest.application import Answer

MAX_HEADER_BYTES: Final = 32 << 10
_REMEMBERED_BYTES: Final = 4 << 10
"""A longer head is parsed every time."""
_END: Final = b"\r\n\r\n"
_FRAMING: Final = {b"transfer-encoding", b"upgrade", b"expect"}
"""Headers by which what follows a head is more than a body of a known length."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A head that was parsed, what it is the head of, and how long its requests are."""

    head: bytes
    size: int
    cycle: RequestResponseCycle
    application: Any


class Connection(HttpToolsProtocol):
    """A connection that knows since when it waits for (the rest of) a request."""

    waiting_since: float | None = None
    """As time.monotonic tells; None while a whole request is being answered, or between two of them."""
    _header_bytes = 0
    _unfinished_bytes = 0
    """Received since the parser last told of something: it keeps the beginning of a header, however long that gets."""
    _is_receiving = False
    _begun: tuple[RequestResponseCycle, Any] | None = None
    """A request that began in what is being received, and the application: nobody works on it yet."""
    _known: _Known | None = None
    """Of the last request that came whole and alone, and was answered at once."""
    _is_between = True
    """Whether what comes next begins a request."""

    def connection_made(self, transport: Any) -> None:
        """A connection that never sends anything waits, too."""
        self.waiting_since = time.monotonic()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        if self._is_answered_as_before(data):
            return
        is_beginning, self._known = self._is_between, None
        self._unfinished_bytes += len(data)
        self._is_receiving = True
        super().data_received(data)
        while self._begun is not None:
            (cycle, application), self._begun = self._begun, None
            if not self._is_answered(cycle, application):
                super()._start_asgi_task(cycle, application)
            elif is_beginning:
                self._known = _remembered(data, cycle, application)
        self._is_receiving = False
        if self._unfinished_bytes > MAX_HEADER_BYTES and not self.transport.is_closing():
            self.send_400_response("A header is too long.")

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._unfinished_bytes = 0
        super().on_body(body)

    def on_message_begin(self) -> None:
        """The first bytes of a request are there."""
        self._header_bytes = 0
        self._is_between = False
        if self.waiting_since is None:
            self.waiting_since = time.monotonic()
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """A part of the path."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_message_complete(self) -> None:
        """All of a request is there."""
        self.waiting_since = None
        self._is_between = True
        self._unfinished_bytes = 0
        super().on_message_complete()

    def cut_if_waiting(self, seconds: float, now: float) -> bool:
        """Ends a connection that has waited for so long."""
        if self.waiting_since is None or now - self.waiting_since < seconds or self.transport.is_closing():
            return False
        self.transport.abort()
        return True

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """A request has begun; the rest of it may be in what was received with its beginning."""
        if self._is_receiving:
            self._begun = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def _is_answered_as_before(self, data: bytes) -> bool:
        """Whether what came is one request with the head of the last one, and the application had an answer ready."""
        known = self._known
        if known is None or len(data) != known.size or not data.startswith(known.head):
            return False
        cycle = known.cycle
        if not self._is_between or not cycle.response_complete:
            return False
        cycle.response_started = cycle.response_complete = False
        cycle.body = bytearray(data[len(known.head) :])
        is_answered = self._is_answered(cycle, known.application)
        if is_answered:
            self._unset_keepalive_if_required()
        else:
            cycle.response_started = cycle.response_complete = True
        return is_answered

    def _is_answered(self, cycle: RequestResponseCycle, application: Any) -> bool:
        """Whether the request had come whole, and the application had an answer ready."""
        is_plain = cycle.keep_alive and not cycle.waiting_for_100_continue and not self.flow.write_paused
        if cycle.more_body or not is_plain or self.transport.is_closing():
            return False
        answer = application.at_once(cycle.scope, cycle.body)
        if answer is None:
            return False
        # Sent once everybody's requests that came at the same time are answered: each send may wake up a client, and
        # what it does next keeps those who wait for this thread waiting.
        self.loop.call_soon(self._send, cycle, _response(answer, cycle.default_headers))
        return True

    def _send(self, cycle: RequestResponseCycle, response: bytes) -> None:
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        self.transport.write(response)
        if not cycle.keep_alive:  # the server ends
            self.transport.close()
        self.on_response_complete()

    def _count(self, more: int) -> None:
        self._unfinished_bytes = 0
        self._header_bytes += more
        if self._header_bytes > MAX_HEADER_BYTES:
            raise httptools.HttpParserError("headers are too long")


def _remembered(data: bytes, cycle: RequestResponseCycle, application: Any) -> _Known | None:
    """A request's head, if it and its body are all of `data`, and every repetition would mean the same."""
    head = data[: len(data) - len(cycle.body)]
    is_whole = head.find(_END) == len(head) - len(_END) and data.endswith(cycle.body)
    if (
        not is_whole
        or len(head) > _REMEMBERED_BYTES
        or not _FRAMING.isdisjoint(name for name, _ in cycle.scope["headers"])
    ):
        return None
    return _Known(head, len(data), cycle, application)


def _response(answer: Answer, default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    lines = [b"%b: %b\r\n" % header for header in (*default_headers, *answer.headers)]
    return b"%b%bcontent-length: %d\r\n\r\n%b" % (
        STATUS_LINE[answer.status],
        b"".join(lines),
        len(answer.body),
        answer.body,
    )
