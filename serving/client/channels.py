"""Connections that carry an exchange's bytes: what they have in common, and gRPC's, synchronous and asyncio.

A connection is kept and used for many calls; every one has its own time limit. All failures are ServingErrors.
"""

from typing import TYPE_CHECKING, Any, Final, Protocol

from serving.client.target import Target
from serving.errors import Code, ServingError

if TYPE_CHECKING:
    import grpc

_MAX_MESSAGE: Final = (1 << 31) - 1


class Channel(Protocol):
    """A synchronous connection."""

    def send(self, method: str, body: bytes, timeout: float) -> bytes:
        """The answer's bytes.

        Raises:
            ServingError: what the server said, or UNAVAILABLE or DEADLINE_EXCEEDED.
        """

    def close(self) -> None: ...


class AsyncChannel(Protocol):
    """A connection for asyncio."""

    async def send(self, method: str, body: bytes, timeout: float) -> bytes: ...

    async def close(self) -> None: ...


class GrpcChannel:
    """A connection by gRPC."""

    def __init__(self, target: Target) -> None:
        import grpc

        self._metadata = _metadata(target)
        self._channel: grpc.Channel = _opened(grpc, target)
        self._calls: dict[str, Any] = {}

    def send(self, method: str, body: bytes, timeout: float) -> bytes:
        import grpc

        call = self._calls.get(method) or self._calls.setdefault(method, self._channel.unary_unary(method))
        try:
            return bytes(call(body, timeout=timeout, metadata=self._metadata))
        except grpc.RpcError as error:
            raise _failure(error) from error

    def close(self) -> None:
        self._channel.close()


class AsyncGrpcChannel:
    """A connection by gRPC for asyncio; it belongs to the loop in which it is first used."""

    def __init__(self, target: Target) -> None:
        self._target, self._metadata = target, _metadata(target)
        self._channel: grpc.aio.Channel | None = None
        self._calls: dict[str, Any] = {}

    async def send(self, method: str, body: bytes, timeout: float) -> bytes:
        import grpc

        if self._channel is None:
            self._channel = _opened(grpc.aio, self._target)
        call = self._calls.get(method) or self._calls.setdefault(method, self._channel.unary_unary(method))
        try:
            return bytes(await call(body, timeout=timeout, metadata=self._metadata))
        except grpc.RpcError as error:
            raise _failure(error) from error

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()


def _opened(module: Any, target: Target) -> Any:
    options = [("grpc.max_receive_message_length", _MAX_MESSAGE), ("grpc.max_send_message_length", _MAX_MESSAGE)]
    if not target.secure:
        return module.insecure_channel(target.address, options=options)
    import grpc

    files = target.tls.authority, target.tls.key, target.tls.certificate
    credentials = grpc.ssl_channel_credentials(*(None if file is None else file.read_bytes() for file in files))
    return module.secure_channel(target.address, credentials, options=options)


def _metadata(target: Target) -> tuple[tuple[str, str], ...]:
    return () if target.key is None else (("authorization", f"Bearer {target.key}"),)


def _failure(error: Any) -> ServingError:
    return ServingError(Code(error.code().value[0]), error.details() or error.code().name)
