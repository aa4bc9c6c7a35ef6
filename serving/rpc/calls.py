"""A call from its bytes to its answer's: who may ask, what went wrong, what is written down."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from google.protobuf.message import DecodeError

from serving.access.gate import Gate
from serving.access.keys import Role
from serving.calls import Call, Listener
from serving.deadline import within
from serving.errors import Code, ServingError
from serving.rpc.front import Answer
from serving.rpc.rpc import Reply, Rpc

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

    def methods(self, service: str, methods: Iterable[Method]) -> dict[str, Answer]:
        """What answers the methods of a service, by path."""
        return {f"/{service}/{method.name}": partial(self._handle, method) for method in methods}

    def _handle(self, method: Method, data: bytes, rpc: Rpc) -> Reply:
        """Bytes in, bytes out: what a call weighs is known, and a broken request has an answer of its own."""
        start, answered, message = time.perf_counter(), b"", ""
        call = Call("grpc", method.name, rpc.peer if self._listeners else "", request_bytes=len(data))
        try:
            call.who = self._admitted(method, rpc)
            with within(rpc.seconds_left):
                answered = method.answer(method.request.FromString(data), call).SerializeToString()
        except ServingError as error:
            call.code, message = error.code, error.message
        except DecodeError:
            call.code, message = Code.INVALID_ARGUMENT, f"The request is not a {method.request.DESCRIPTOR.name}."
        except Exception as error:  # a call that fails must not take the server along
            _log.exception("%s failed unexpectedly", method.name)
            call.code, message = Code.INTERNAL, f"{method.name} failed unexpectedly: {type(error).__name__}"
        call.response_bytes, call.seconds = len(answered), time.perf_counter() - start
        for listener in self._listeners:
            listener(call)
        return Reply(answered, call.code, _shortened(message))

    def _admitted(self, method: Method, rpc: Rpc) -> str:
        shown = None
        if self._gate.has_keys:
            key = rpc.metadata.get("authorization")
            shown = key if isinstance(key, str) else None
        return self._gate.admit(method.role, shown, loopback=method.role != "admin" or _is_local(rpc.peer))


def _is_local(peer: str) -> bool:
    return peer.startswith(_LOCAL)


def _shortened(message: str) -> str:
    encoded = message.encode("utf-8", "replace")
    if len(encoded) <= _MESSAGE_LIMIT:
        return message
    return f"{encoded[:_MESSAGE_LIMIT].decode('utf-8', 'ignore')}...TRUNCATED"
