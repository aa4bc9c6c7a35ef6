"""Reading a request's body: bounded before it is read, and before it is unpacked."""

import zlib
from collections.abc import Mapping
from typing import Any, Final

from serving.errors import Code, ServingError

_GZIP: Final = 16 + zlib.MAX_WBITS
_TOO_LARGE: Final = 413
_UNSUPPORTED: Final = 415


class RefusedError(ServingError):
    """A request that HTTP has a code of its own for."""

    def __init__(self, status: int, code: Code, message: str) -> None:
        super().__init__(code, message)
        self.status = status


class GoneError(Exception):
    """The client hung up, or was cut off because it sent too slowly."""


async def read_body(receive: Any, headers: Mapping[bytes, bytes], limit: int) -> tuple[bytes, bool]:
    """The body as it was sent, and whether it is packed.

    Raises:
        RefusedError: it is larger than `limit` bytes, or packed in an unknown way.
        GoneError: nobody waits for the answer.
    """
    length = headers.get(b"content-length")
    if length is not None and int(length) > limit:
        raise _too_large(limit)
    message = await receive()
    body = message.get("body", b"")
    if message.get("more_body"):
        body = bytearray(body)
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
            if len(body) > limit:
                raise _too_large(limit)
        body = bytes(body)
    if message["type"] == "http.disconnect":
        raise GoneError
    packed = headers.get(b"content-encoding")
    if packed is None or packed == b"identity":
        return body, False
    if packed.lower() not in (b"gzip", b"x-gzip"):
        raise RefusedError(
            _UNSUPPORTED,
            Code.INVALID_ARGUMENT,
            f"Content-Encoding must be gzip. Received: {packed[:64].decode('latin-1')}",
        )
    return body, True


def unpacked(body: bytes, limit: int) -> bytes:
    """The content of a body that is packed by gzip; takes its time.

    Raises:
        RefusedError: it is larger than `limit` bytes.
        ServingError: INVALID_ARGUMENT, it is broken.
    """
    try:
        unpacker = zlib.decompressobj(_GZIP)
        content = unpacker.decompress(body, limit + 1)
    except zlib.error as error:
        raise ServingError(Code.INVALID_ARGUMENT, f"The body must be gzip, as its header says: {error}") from error
    if len(content) > limit:
        raise _too_large(limit)
    if not unpacker.eof:
        raise ServingError(Code.INVALID_ARGUMENT, "The body must be gzip, as its header says: it ends too soon")
    return content


def _too_large(limit: int) -> RefusedError:
    return RefusedError(_TOO_LARGE, Code.INVALID_ARGUMENT, f"The body must have at most {limit} bytes.")
