"""The ASGI application: a request from its path to its answer."""

import asyncio
import ipaddress
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson

from serving.access.gate import Gate
from serving.access.keys import Role
from serving.calls import Call, Listener
from serving.errors import Code, ServingError
from serving.interface import Models
from serving.rest import answers, json_text
from serving.rest.bodies import GoneError, RefusedError, read_body, unpacked
from serving.rest.examples_json import classes_answer, examples_of, values_answer
from serving.rest.models_json import metadata_answer, status_answer
from serving.rest.predict_json import answer_of, inputs_of
from serving.rest.routes import NotFoundError, Route, route_of
from serving.rest.shown import shown

HTTP_STATUS: Final[Mapping[Code, int]] = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}
"""TF Serving's util/net_http status of a code."""

LIVE: Final = "/live"
READY: Final = "/ready"
_DEFAULT: Final = "serving_default"
_METHODS: Final = {
    "predict": "Predict",
    "classify": "Classify",
    "regress": "Regress",
    "status": "GetModelStatus",
    "metadata": "GetModelMetadata",
}
_SMALL_BYTES: Final = 16 << 10
_JSON: Final = ((b"content-type", b"application/json"),)
_TEXT: Final = ((b"content-type", b"text/plain; charset=utf-8"),)
_LAST: Final = (b"connection", b"close")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """How much the application takes.

    Args:
        max_body_bytes: what a body may weigh, packed and unpacked.
        threads: requests that are computed at once, beside those that are quick.
        queue: requests that may wait for a thread; more of them are refused with 429.
    """

    max_body_bytes: int = 64 << 20
    threads: int = 8
    queue: int = 1024


@dataclass(frozen=True)
class Page:
    """Something to look at that is no model: `content` is made anew for each look."""

    content: Callable[[], bytes]
    content_type: str
    role: Role = "metrics"


@dataclass
class _Request:
    """A request with what is known of it by and by."""

    method: str
    path: str
    headers: Mapping[bytes, bytes]
    receive: Any
    call: Call


@dataclass(frozen=True, slots=True)
class Head:
    """What the head of a request says that may be answered at once: what is asked, and by whom."""

    path: str
    route: Route
    authorization: str | None
    peer: str
    is_loopback: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: an HTTP status, the body, and headers but for the body's length."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = _JSON


class Application:
    """Answers TF Serving's REST API, probes and pages.

    What is small and known to be quick is answered in the event loop; everything else in threads, so that a model which
    takes its time, or hangs, keeps nobody else waiting.

    Args:
        models: what is served.
        gate: who may ask what.
        listeners: told of every call.
        limits: how much to take.
        pages: path to page.
    """

    def __init__(
        self,
        models: Models,
        gate: Gate,
        listeners: Sequence[Listener] = (),
        limits: Limits | None = None,
        pages: Mapping[str, Page] | None = None,
    ) -> None:
        self._models, self._gate, self._listeners = models, gate, listeners
        self._limits, self._pages = limits or Limits(), pages or {}
        self._pool = ThreadPoolExecutor(self._limits.threads, thread_name_prefix="rest")
        self._taken = 0  # by requests that are in the pool or wait for it; only the event loop counts
        self.is_ready: Callable[[], bool] = lambda: True
        """Whether new requests should be sent here."""

    def close(self) -> None:
        """Computes nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI 3."""
        start = time.perf_counter()
        request = _request(scope, receive)
        call = request.call
        try:
            answer = await self._answer(request)
        except GoneError:
            call.code, answer = Code.CANCELLED, Answer(499, b"")
        except Exception as error:
            answer = _failed(request.method, request.path, call, error)
        headers = [*answer.headers, (b"content-length", b"%d" % len(answer.body))]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})
        if call.method:
            self._tell(call, len(answer.body), start)

    def head_of(self, scope: Any) -> Head | None:
        """The head of a request that `at_once` may have an answer to; None if it has none."""
        headers = dict(scope["headers"])
        if scope["method"] != "POST" or b"content-encoding" in headers:
            return None
        try:
            route = route_of("POST", scope["path"])
        except (ServingError, NotFoundError):
            return None  # which is told in the ordinary way
        peer = _peer(scope)
        return Head(scope["path"], route, _authorization(headers), peer, _is_loopback(peer))

    def at_once(self, head: Head, body: bytes) -> Answer | None:
        """The answer to a request that has come whole, if it is small and its model is known to be quick.

        Otherwise None, and nothing has happened: it is to be called as ASGI has it.
        """
        if len(body) > _SMALL_BYTES:
            return None
        start, route = time.perf_counter(), head.route
        try:
            parsed = orjson.loads(body)
            signature = _signature(parsed)
            lease = self._models.acquire(route.model, route.version, route.label)
        except (ServingError, ValueError, AttributeError):
            return None  # which is told in the ordinary way
        with lease as servable:
            if not servable.is_quick(signature):
                return None
            call = Call("rest", _METHODS[route.verb], head.peer, model=route.model)
            try:
                call.who = self._gate.admit("predict", head.authorization, loopback=head.is_loopback)
                call.request_bytes, call.version = len(body), servable.version
                answer = Answer(200, _computed(servable, route, parsed, signature))
            except Exception as error:
                answer = _failed("POST", head.path, call, error)
        self._tell(call, len(answer.body), start)
        return answer

    def _tell(self, call: Call, sent: int, start: float) -> None:
        call.response_bytes, call.seconds = sent, time.perf_counter() - start
        for listener in self._listeners:
            listener(call)

    async def _answer(self, request: _Request) -> Answer:
        if request.path in (LIVE, READY):
            return self._probe(request)
        if request.path in self._pages:
            return await self._page(request, self._pages[request.path])
        route = route_of(request.method, request.path)
        call = request.call
        call.method, call.model = _METHODS[route.verb], route.model
        call.who = self._admitted("predict", request)
        if route.verb in ("status", "metadata"):
            return Answer(200, await self._in_thread(self._told, route, call))
        body, is_packed = await read_body(request.receive, request.headers, self._limits.max_body_bytes)
        call.request_bytes = len(body)
        if not is_packed and len(body) <= _SMALL_BYTES:
            parsed = json_text.parse(body)
            signature = _signature(parsed)
            with self._models.acquire(route.model, route.version, route.label) as servable:
                if servable.is_quick(signature):
                    call.version = servable.version
                    return Answer(200, _computed(servable, route, parsed, signature))
            return Answer(200, await self._in_thread(self._asked, route, call, parsed))
        return Answer(200, await self._in_thread(self._read_and_asked, route, call, body, is_packed))

    def _read_and_asked(self, route: Route, call: Call, body: bytes, is_packed: bool) -> bytes:
        content = unpacked(body, self._limits.max_body_bytes) if is_packed else body
        return self._asked(route, call, json_text.parse(content))

    def _asked(self, route: Route, call: Call, parsed: Mapping[str, Any]) -> bytes:
        with self._models.acquire(route.model, route.version, route.label) as servable:
            call.version = servable.version
            return _computed(servable, route, parsed, _signature(parsed))

    def _told(self, route: Route, call: Call) -> bytes:
        if route.verb == "metadata":
            with self._models.acquire(route.model, route.version, route.label) as servable:
                call.version = servable.version
                return answers.dump(metadata_answer(servable))
        version = route.version
        if route.label is not None:
            with self._models.acquire(route.model, None, route.label) as servable:
                version = servable.version
        return answers.dump(status_answer(self._models.status(route.model, version)))

    async def _in_thread(self, function: Callable[..., bytes], *args: Any) -> bytes:
        """The bytes that a function makes in one of the threads.

        Raises:
            ServingError: RESOURCE_EXHAUSTED, too many others wait for one already.
        """
        if self._taken >= self._limits.threads + self._limits.queue:
            raise ServingError(Code.RESOURCE_EXHAUSTED, f"More than {self._limits.queue} requests wait already.")
        self._taken += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, function, *args)
        future.add_done_callback(self._done)
        return await future

    def _done(self, _: Any) -> None:
        self._taken -= 1

    def _probe(self, request: _Request) -> Answer:
        _check_get(request)
        if request.path == LIVE or self.is_ready():
            return Answer(200, b"ok\n", _TEXT)
        return Answer(503, b"not ready\n", _TEXT)

    async def _page(self, request: _Request, page: Page) -> Answer:
        _check_get(request)
        self._admitted(page.role, request)
        content = await self._in_thread(page.content)
        return Answer(200, content, ((b"content-type", page.content_type.encode("latin-1")),))

    def _admitted(self, role: Role, request: _Request) -> str:
        return self._gate.admit(role, _authorization(request.headers), loopback=_is_loopback(request.call.peer))


def _request(scope: Any, receive: Any) -> _Request:
    return _Request(scope["method"], scope["path"], dict(scope["headers"]), receive, Call("rest", "", _peer(scope)))


def _peer(scope: Any) -> str:
    return str((scope.get("client") or ("", 0))[0])


def _authorization(headers: Mapping[bytes, bytes]) -> str | None:
    header = headers.get(b"authorization")
    return None if header is None else header.decode("latin-1")


def _signature(parsed: Mapping[str, Any]) -> str:
    name = parsed.get("signature_name", "")
    if not isinstance(name, str):
        raise ServingError(
            Code.INVALID_ARGUMENT,
            f"JSON Value: {shown(parsed)} not formatted correctly. 'signature_name' key must be a string value.",
        )
    return name or _DEFAULT


def _computed(servable: Any, route: Route, parsed: Mapping[str, Any], signature: str) -> bytes:
    if route.verb == "predict":
        inputs, form = inputs_of(parsed, servable.inputs(signature))
        return answers.dump(answer_of(servable.predict(signature, inputs, ()), form))
    examples = examples_of(parsed)
    if route.verb == "classify":
        return answers.dump(classes_answer(servable.classify(signature, examples)))
    return answers.dump(values_answer(servable.regress(signature, examples)))


def _failed(method: str, path: str, call: Call, error: Exception) -> Answer:
    """The answer to a request that failed."""
    if isinstance(error, NotFoundError):
        return Answer(404, _error_body(f"Not found: {path[:256]}"))
    if isinstance(error, RefusedError):
        call.code = error.code
        return Answer(error.status, _error_body(error.message), (*_JSON, _LAST))  # whatever else it sends is not read
    if isinstance(error, ServingError):
        call.code = error.code
        asking = ((b"www-authenticate", b"Bearer"),) if error.code is Code.UNAUTHENTICATED else ()
        return Answer(HTTP_STATUS[error.code], _error_body(error.message), (*_JSON, *asking))
    _log.error("%s %s failed unexpectedly", method, path, exc_info=error)
    call.code = Code.INTERNAL
    return Answer(500, _error_body(f"{method} failed unexpectedly: {type(error).__name__}"))


def _error_body(message: str) -> bytes:
    return answers.dump({"error": message.encode("utf-8", "replace").decode("utf-8")})


def _check_get(request: _Request) -> None:
    if request.method not in ("GET", "HEAD"):
        raise RefusedError(405, Code.INVALID_ARGUMENT, f"{request.path} takes GET only. Received: {request.method}")


@lru_cache(maxsize=1024)
def _is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False
