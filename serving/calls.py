"""A call to the server, as the audit log and the metrics see it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from serving.errors import Code

ANONYMOUS: Final = "anonymous"

Front = Literal["grpc", "rest"]


@dataclass(slots=True)
class Call:
    """What is known of a call at its end. The front fills it in while it answers."""

    front: Front
    method: str
    """What was asked, in gRPC's words on both fronts: `Predict`, `GetModelStatus`."""
    peer: str
    """The address it came from."""
    who: str = ANONYMOUS
    """The owner of the key."""
    model: str = ""
    version: int | None = None
    """The version that answered; None where none did."""
    request_bytes: int = 0
    response_bytes: int = 0
    code: Code = Code.OK
    seconds: float = 0.0


Listener = Callable[[Call], None]
"""Told of every call that has ended. It must be quick, and must not raise."""
