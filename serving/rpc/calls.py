"""A call from its bytes to its answer's: who may ask, what went wrong, what is written down."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

from serving.access.gate import Gate
from serving.access.keys import Role
from serving.calls import Call, Listener
from serving.deadline import within
from serving.errors import Code, ServingError

_STATUS: Final[Mapping[Code, grpc.StatusCode]] = {
    Code(status.value[0]): status for status in grpc.StatusCode if status is not grpc.StatusCode.OK
}
_MESSAGE_LIMIT: Final = 1024
"""Bytes of a message that a client is sent, as TF Serving has it: they travel in an HTTP/2 header, which clients refuse
when it gets too long."""
_LOCAL: Final = ("ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D", "unix:")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Method:
    """A method of a service, with messages for requests and answers."""

    name: str
    role: Role
    request: Any
    answer: Callable[[Any, Call], Any]
    """From a request to an answer, both messages; raises ServingError."""


class Desk:
    """Takes calls: lets in who may, answers, and writes down.

    Args:
        gate: who may ask what.
        listeners: told of every call.
    """

    def __init__(self, gate: Gate, listeners: Sequence[Listener] = ()) -> None:
        self._gate, self._listeners = gate, listeners

    def service(self, name: str, methods: tuple[Method, ...]) -> grpc.GenericRpcHandler:
        """A service of these methods."""
        handlers = {method.name: grpc.unary_unary_rpc_method_handler(self._handler(method)) for method in methods}
        return grpc.method_handlers_generic_handler(name, handlers)

    def _handler(self, method: Method) -> Callable[[bytes, grpc.ServicerContext], bytes]:
        """Bytes in, bytes out: what a call weighs is known, and a broken request has an answer of its own."""

        def handle(data: bytes, context: grpc.ServicerContext) -> bytes:
            if not context.is_active():  # canceled, or too late already, while it waited for a thread
                return b""
            start, answered, message = time.perf_counter(), b"", ""
            peer = context.peer() if self._listeners else ""  # lets other threads run: not for nobody
            call = Call("grpc", method.name, peer, request_bytes=len(data))
            try:
                call.who = self._admitted(method, context)
                with within(context.time_remaining()):
                    answered = method.answer(method.request.FromString(data), call).SerializeToString()
            except ServingError as error:
                call.code, message = error.code, error.message
            except DecodeError:
                call.code, message = Code.INVALID_ARGUMENT, f"The request is not a {method.request.DESCRIPTOR.name}."
            except Exception as error:  # a call that fails must not take the server along
                _log.exception("%s failed unexpectedly", method.name)
                call.code, message = Code.INTERNAL, f"{method.name} failed unexpectedly: {type(error).__name__}"
            if call.code != Code.OK:
                context.set_code(_STATUS[call.code])
                context.set_details(_shortened(message))
            call.response_bytes, call.seconds = len(answered), time.perf_counter() - start
            for listener in self._listeners:
                listener(call)
            return answered

        return handle

    def _admitted(self, method: Method, context: grpc.ServicerContext) -> str:
        shown = None
        if self._gate.has_keys:
            key = dict(context.invocation_metadata() or ()).get("authorization")
            shown = key if isinstance(key, str) else None
        return self._gate.admit(method.role, shown, loopback=method.role != "admin" or _is_local(context.peer()))


def _is_local(peer: str) -> bool:
    return peer.startswith(_LOCAL)


def _shortened(message: str) -> str:
    encoded = message.encode("utf-8", "replace")
    if len(encoded) <= _MESSAGE_LIMIT:
        return message
    return f"{encoded[:_MESSAGE_LIMIT].decode('utf-8', 'ignore')}...TRUNCATED"
