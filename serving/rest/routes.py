"""Which path asks what: those of TF Serving's model_servers/http_rest_api_handler.cc, in any case but for the verb."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from serving.errors import Code, ServingError

Verb = Literal["predict", "classify", "regress", "status", "metadata"]

_PREFIX: Final = "/v1/"
_ASK: Final = re.compile(
    r"(?i:/v1/models/)([^/:]+)(?:(?i:/versions/)(\d+)|(?i:/labels/)([^/:]+))?:(predict|classify|regress)", re.ASCII
)
_TELL: Final = re.compile(
    r"/v1/models(?:/([^/:]+))?(?:/versions/(\d+)|/labels/([^/:]+))?(/metadata)?", re.IGNORECASE | re.ASCII
)
_LARGEST: Final = (1 << 63) - 1


@dataclass(frozen=True)
class Route:
    """What is asked, of which model; of its newest version, if neither version nor label says otherwise."""

    verb: Verb
    model: str
    version: int | None = None
    label: str | None = None


class NotFoundError(Exception):
    """A path that is nothing of TF Serving's."""


@lru_cache(maxsize=1024)
def route_of(method: str, path: str) -> Route:
    """What a request asks.

    Raises:
        NotFoundError: the path is not below `/v1/`.
        ServingError: INVALID_ARGUMENT, it is not a path of the API, or not for this HTTP method.
    """
    if not path.lower().startswith(_PREFIX):
        raise NotFoundError(path)
    if method == "POST" and (asked := _ASK.fullmatch(path)):
        verb: Verb = asked[4]  # type: ignore[assignment]
        return Route(verb, asked[1], _version(asked[2]), asked[3])
    if method == "GET" and (told := _TELL.fullmatch(path)):
        if not told[1]:
            raise ServingError(Code.INVALID_ARGUMENT, "Missing model name in request.")
        return Route("metadata" if told[4] else "status", told[1], _version(told[2]), told[3])
    raise ServingError(Code.INVALID_ARGUMENT, f"Malformed request: {method} {path[:256]}")


def _version(text: str | None) -> int | None:
    if text is None:
        return None
    if len(text) > 19 or int(text) > _LARGEST:
        raise ServingError(Code.INVALID_ARGUMENT, f"Failed to convert version: {text[:32]} to numeric.")
    return int(text)
