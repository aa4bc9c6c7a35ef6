"""Connections over HTTP, which httpx keeps and reuses, synchronous and asyncio."""

import json
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from serving.client.target import Target
from serving.errors import Code, ServingError

if TYPE_CHECKING:
    import httpx

_CODES: Final[Mapping[int, Code]] = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    409: Code.ABORTED,
    413: Code.INVALID_ARGUMENT,
    415: Code.INVALID_ARGUMENT,
    429: Code.RESOURCE_EXHAUSTED,
    499: Code.CANCELLED,
    501: Code.UNIMPLEMENTED,
    502: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}
"""What a status says of a call; all others are INTERNAL. Several codes share 400, so it says no more than that."""


class HttpChannel:
    """A connection by HTTP; see Channel."""

    def __init__(self, target: Target) -> None:
        import httpx

        self._client = httpx.Client(**_settings(target))

    def send(self, method: str, body: bytes, timeout: float) -> bytes:
        verb, _, path = method.partition(" ")
        try:
            return _content(self._client.request(verb, path, content=body or None, timeout=timeout))
        except _httpx_errors() as error:
            raise _failure(error) from error

    def close(self) -> None:
        self._client.close()


class AsyncHttpChannel:
    """A connection by HTTP for asyncio; see AsyncChannel."""

    def __init__(self, target: Target) -> None:
        import httpx

        self._client = httpx.AsyncClient(**_settings(target))

    async def send(self, method: str, body: bytes, timeout: float) -> bytes:
        verb, _, path = method.partition(" ")
        try:
            return _content(await self._client.request(verb, path, content=body or None, timeout=timeout))
        except _httpx_errors() as error:
            raise _failure(error) from error

    async def close(self) -> None:
        await self._client.aclose()


def _settings(target: Target) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "base_url": f"{target.scheme}://{target.address}",
        "headers": {"authorization": f"Bearer {target.key}"} if target.key else {},
        "trust_env": False,  # proxies of the environment are for the web, not for a server that is named
    }
    if target.secure:
        context = ssl.create_default_context(cafile=target.tls.authority and str(target.tls.authority))
        if target.tls.certificate is not None:
            context.load_cert_chain(target.tls.certificate, target.tls.key)
        settings["verify"] = context
    return settings


def _content(response: "httpx.Response") -> bytes:
    if response.status_code == 200:
        return response.content
    try:
        message = str(json.loads(response.content)["error"])
    except (ValueError, KeyError, TypeError):
        message = response.text[:200] or response.reason_phrase
    raise ServingError(_CODES.get(response.status_code, Code.INTERNAL), message)


def _httpx_errors() -> type[Exception]:
    import httpx

    return httpx.HTTPError


def _failure(error: Exception) -> ServingError:
    import httpx

    code = Code.UNAVAILABLE
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        code = Code.DEADLINE_EXCEEDED
    return ServingError(code, f"{type(error).__name__}: {error}")
