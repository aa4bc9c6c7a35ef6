"""HTTP connections that do not wait for slow senders, and take no endless headers."""

import time
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER_BYTES: Final = 32 << 10


class Connection(HttpToolsProtocol):
    """A connection that knows since when it waits for (the rest of) a request."""

    waiting_since: float | None = None
    """As time.monotonic tells; None while a whole request is being answered, or between two of them."""
    _header_bytes = 0
    _unfinished_bytes = 0
    """Received since the parser last told of something: it keeps the beginning of a header, however long that gets."""

    def connection_made(self, transport: Any) -> None:
        """A connection that never sends anything waits, too."""
        self.waiting_since = time.monotonic()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        self._unfinished_bytes += len(data)
        super().data_received(data)
        if self._unfinished_bytes > MAX_HEADER_BYTES and not self.transport.is_closing():
            self.send_400_response("A header is too long.")

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._unfinished_bytes = 0
        super().on_body(body)

    def on_message_begin(self) -> None:
        """The first bytes of a request are there."""
        self._header_bytes = 0
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
        self._unfinished_bytes = 0
        super().on_message_complete()

    def cut_if_waiting(self, seconds: float, now: float) -> bool:
        """Ends a connection that has waited for so long."""
        if self.waiting_since is None or now - self.waiting_since < seconds or self.transport.is_closing():
            return False
        self.transport.abort()
        return True

    def _count(self, more: int) -> None:
        self._unfinished_bytes = 0
        self._header_bytes += more
        if self._header_bytes > MAX_HEADER_BYTES:
            raise httptools.HttpParserError("headers are too long")
