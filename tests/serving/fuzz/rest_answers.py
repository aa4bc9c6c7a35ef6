"""Sends requests over raw connections, and holds every answer against what HTTP and TF Serving's REST API say."""

import asyncio
import contextlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.serving.fuzz.rest_requests import RestRequest

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) [ -~]*")
_HEADER: Final = re.compile(rb"[!-9;-~]+:[ -~\x80-\xff]*")
_EXPECTED: Final = frozenset((200, 400, 404, 405, 413, 415, 429, 501))
_PATIENCE_SECONDS: Final = 0.05
"""How long an answer is waited for that may never be due, for the server waits for the rest of a request."""
_TIMEOUT_SECONDS: Final = 60


class WrongAnswerError(AssertionError):
    """An answer that no client should get."""


@dataclass(frozen=True)
class RestAnswer:
    """A whole answer."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class RestSender:
    """One connection after the other to a port; the same one as long as requests are whole."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: RestRequest) -> Iterable[int]:
        """The status of every answer.

        Raises:
            WrongAnswerError: one is not as it should be, or does not come.
        """
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            found = [await self._asked(request)] if request.is_whole else await self._sent_alone(request)
        for answer in found:
            _check(answer)
        return [answer.status for answer in found]

    async def close(self) -> None:
        """Hangs up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _asked(self, request: RestRequest) -> RestAnswer:
        reader, writer = self._streams = self._streams or await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(request.data)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            answer = _with_body(head, await reader.readexactly(_length(head)))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WrongAnswerError(f"no whole answer: {error!r}") from error
        if answer.headers.get(b"connection", b"").lower() == b"close":
            await self.close()
        return answer

    async def _sent_alone(self, request: RestRequest) -> list[RestAnswer]:
        """All answers on a connection of its own, until the server closes it once nothing more is sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        received = b""
        with contextlib.suppress(ConnectionError):  # the server need not read what it has refused
            writer.write(request.data)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    received = await reader.read(1)
            if writer.can_write_eof():
                writer.write_eof()
            while more := await reader.read(1 << 16):
                received += more
        writer.close()
        return list(_answers_in(received))


def _answers_in(received: bytes) -> Iterator[RestAnswer]:
    while received:
        head, end, rest = received.partition(b"\r\n\r\n")
        if not end:
            raise WrongAnswerError(f"no whole answer: {received[:200]!r}")
        if head.startswith(b"HTTP/1.1 100 "):
            received = rest
            continue
        length = _length(head + end)
        if len(rest) < length:
            raise WrongAnswerError(f"{len(rest)} bytes of a body of {length}: {head!r}")
        yield _with_body(head + end, rest[:length])
        received = rest[length:]


def _length(head: bytes) -> int:
    return int(_headers(head)[b"content-length"])


def _with_body(head: bytes, body: bytes) -> RestAnswer:
    matched = _STATUS_LINE.fullmatch(head.partition(b"\r\n")[0])
    if matched is None:
        raise WrongAnswerError(f"no status line: {head[:200]!r}")
    return RestAnswer(int(matched[1]), _headers(head), body)


def _headers(head: bytes) -> dict[bytes, bytes]:
    lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")[1:]
    if wrong := [line for line in lines if not _HEADER.fullmatch(line)]:
        raise WrongAnswerError(f"no header: {wrong[0][:200]!r}")
    pairs = (line.split(b":", 1) for line in lines)
    return {name.lower(): value.strip() for name, value in pairs}


def _check(answer: RestAnswer) -> None:
    """A known status; JSON, of an error its message, but where HTTP itself was wrong, or a page was asked for."""
    shown = f"{answer.status} {answer.headers} {answer.body[:200]!r}"
    if answer.status not in _EXPECTED:
        raise WrongAnswerError(shown)
    if answer.headers[b"content-type"] != b"application/json":
        if answer.headers[b"content-type"].startswith(b"text/plain") and answer.status in (200, 400):
            return
        raise WrongAnswerError(shown)
    try:
        content = json.loads(answer.body.decode("utf-8"))
    except ValueError as error:
        raise WrongAnswerError(f"{shown}: {error}") from error
    if answer.status != 200 and not (isinstance(content, dict) and isinstance(content.get("error"), str)):
        raise WrongAnswerError(shown)
