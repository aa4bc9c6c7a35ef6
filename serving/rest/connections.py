"""HTTP connections that do not wait for slow senders, take no endless headers, and answer at once what can be.

An ASGI server makes a task of every request. A small model takes less time than that: so a request that has come whole
is first shown to the application, which may answer it on the spot. Clients that keep their connection send the same
head (request line and headers, to the byte) again and again; that is not parsed again. Nor does every request set and
stop a timer: now and then somebody looks for connections that wait, or are idle, for too long.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from serving.rest.application import Answer, Head

MAX_HEADER_BYTES: Final = 32 << 10
_REMEMBERED_BYTES: Final = 4 << 10
"""A longer head is parsed every time."""
_END: Final = b"\r\n\r\n"
_FRAMING: Final = {b"transfer-encoding", b"upgrade", b"expect"}
"""Headers by which what follows a head is more than a body of a known length."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A head that was parsed, what it is the head of, and how long its requests are."""

    text: bytes
    size: int
    head: Head
    cycle: RequestResponseCycle
    application: Any


@dataclass(frozen=True, slots=True)
class _Beginning:
    """How an answer begins, down to its length, and what that was made of."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    default_headers: Sequence[tuple[bytes, bytes]]
    text: bytes


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
    _idle_since: float | None = None
    """As time.monotonic tells; None before the first answer, and from the first byte of a request to its answer."""
    _beginning: _Beginning | None = None
    """Of the last answer."""

    def connection_made(self, transport: Any) -> None:
        """A connection that never sends anything waits, too."""
        self.waiting_since = time.monotonic()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        self._idle_since = None
        if self._is_answered_as_before(data):
            return
        is_beginning, self._known = self._is_between, None
        self._unfinished_bytes += len(data)
        self._is_receiving = True
        super().data_received(data)
        while self._begun is not None:
            (cycle, application), self._begun = self._begun, None
            head = application.head_of(cycle.scope) if _is_whole(cycle) else None
            if head is None or not self._is_answered(cycle, application, head, bytes(cycle.body)):
                super()._start_asgi_task(cycle, application)
            elif is_beginning:
                self._known = _remembered(data, cycle, application, head)
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

    def on_response_complete(self) -> None:
        """An answer was sent."""
        if self.pipeline or self.transport.is_closing():
            super().on_response_complete()
            return
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        self._idle_since = time.monotonic()

    def cut_if_waiting(self, seconds: float, now: float) -> bool:
        """Ends a connection that has waited for so long, or closes one that is idle for as long as it may be kept."""
        if self.transport.is_closing():
            return False
        if self.waiting_since is not None and now - self.waiting_since >= seconds:
            self.transport.abort()
            return True
        if self._idle_since is not None and now - self._idle_since >= self.timeout_keep_alive:
            self.transport.close()
        return False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """A request has begun; the rest of it may be in what was received with its beginning."""
        if self._is_receiving:
            self._begun = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def _is_answered_as_before(self, data: bytes) -> bool:
        """Whether what came is one request with the head of the last one, and the application had an answer ready."""
        known = self._known
        if known is None or len(data) != known.size or not data.startswith(known.text):
            return False
        cycle = known.cycle
        if not self._is_between or not cycle.response_complete:
            return False
        cycle.response_started = cycle.response_complete = False
        body = data[len(known.text) :]
        if self._is_answered(cycle, known.application, known.head, body):
            return True
        cycle.response_started = cycle.response_complete = True
        return False

    def _is_answered(self, cycle: RequestResponseCycle, application: Any, head: Head, body: bytes) -> bool:
        """Whether the application had an answer ready to a request that has come whole."""
        if not cycle.keep_alive or self.flow.write_paused or self.transport.is_closing():
            return False
        answer = application.at_once(head, body)
        if answer is None:
            return False
        # Sent once everybody's requests that came at the same time are answered: each send may wake up a client, and
        # what it does next keeps those who wait for this thread waiting.
        self.loop.call_soon(self._send, cycle, self._response(answer))
        return True

    def _response(self, answer: Answer) -> bytes:
        """An answer as it is sent. All answers within a second begin in the same way, but for those that failed."""
        defaults, last = self.server_state.default_headers, self._beginning
        if (
            last is None
            or last.default_headers is not defaults
            or last.headers is not answer.headers
            or last.status != answer.status
        ):
            last = self._beginning = _beginning(answer, defaults)
        return b"%b%d\r\n\r\n%b" % (last.text, len(answer.body), answer.body)

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


def _is_whole(cycle: RequestResponseCycle) -> bool:
    """Whether all of a request has come, and its client does not wait to be told to go on."""
    return not cycle.more_body and not cycle.waiting_for_100_continue


def _remembered(data: bytes, cycle: RequestResponseCycle, application: Any, head: Head) -> _Known | None:
    """A request's head, if it and its body are all of `data`, and every repetition would mean the same."""
    text = data[: len(data) - len(cycle.body)]
    is_whole = text.find(_END) == len(text) - len(_END) and data.endswith(cycle.body)
    if (
        not is_whole
        or len(text) > _REMEMBERED_BYTES
        or not _FRAMING.isdisjoint(name for name, _ in cycle.scope["headers"])
    ):
        return None
    return _Known(text, len(data), head, cycle, application)


def _beginning(answer: Answer, default_headers: Sequence[tuple[bytes, bytes]]) -> _Beginning:
    lines = b"".join(b"%b: %b\r\n" % header for header in (*default_headers, *answer.headers))
    text = b"%b%bcontent-length: " % (STATUS_LINE[answer.status], lines)
    return _Beginning(answer.status, answer.headers, default_headers, text)
