"""A unary call of a gRPC server, as `grpc._cython.cygrpc` has it, and what it is answered with."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.errors import Code
from serving.turns import Work

Tag = Callable[[Any], Work | None]
"""What is called with an event that gRPC tells of; returns what is to be done about it, if it may take time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a message, or what is wrong."""

    message: bytes = b""
    code: Code = Code.OK
    details: str = ""


class Rpc:
    """What is known of a call."""

    __slots__ = ("_call", "_event", "awaited_since", "is_over", "message", "path")

    def __init__(self, path: str, event: Any) -> None:
        self.path, self._event, self._call = path, event, event.call
        self.is_over = False
        """Whether the client waits no more: it has gone, or its time is over."""
        self.message: bytes | None = None
        """The request, from when it has come until somebody works on it."""
        self.awaited_since: float | None = None
        """When the request was begun to be waited for, as time.monotonic tells; None unless it is."""

    @property
    def peer(self) -> str:
        """The client's address, as gRPC writes it: `ipv4:127.0.0.1:5000`."""
        return str(self._call.peer().decode())

    @property
    def metadata(self) -> Mapping[str, str | bytes]:
        """What came with the request, by lower-case key; of several under one key the last."""
        return dict(self._event.invocation_metadata or ())

    @property
    def seconds_left(self) -> float:
        """Until its deadline; ages where it has none."""
        return max(0.0, self._event.call_details.deadline - time.time())

    def start(self, operations: Sequence[Any], then: Tag) -> None:
        """Begins what gRPC does for a call; `then` is told when that is done."""
        self._call.start_server_batch(operations, then)

    def cut(self, why: str) -> None:
        """Ends a call whose request has not come."""
        self._call.cancel(int(Code.DEADLINE_EXCEEDED), why)
