"""Values that someone may send where nobody expects them."""

from collections.abc import Callable
from random import Random
from typing import Any, Final

INTEGERS: Final = (0, 1, -1, 2, 3, 7, 127, 128, 255, 256, 2**31 - 1, -(2**31), 2**31, 2**32, 2**53, 2**63 - 1, -(2**63))
FLOATS: Final = (0.0, -0.0, 1.5, 1e-45, 3.4e38, 1e39, -1e308, 1e308, float("inf"), float("-inf"), float("nan"))
TEXTS: Final = (
    *(
        "",
        " ",
        "a",
        "serving_default",
        "half_plus_two",
        "kinds",
        "x",
        "b64",
        "\0",
        "\n",
        "../../etc/passwd",
        "%00",
        "${x}",
    ),
    *("é", "ﷺ", "\U0001f600", "\u202egnp", "a\u0301\u0302\u0303", "x" * 300, "漢字" * 200, "\U0001f600" * 2_000),
)
_HUGE: Final = (2**64, -(2**70), 10**350, -(10**400))
_BASE64: Final = ("", "AAAA", "AA", "A", "!", "-_-_", "4pyT", 7, None)
_DEPTHS: Final = (1, 2, 33)


def odd(chance: Random) -> Any:
    """A value as JSON has them."""
    return chance.choice((_scalar, _scalar, _scalar, _bytes, _list, _object, _deep))(chance)


def _scalar(chance: Random) -> Any:
    return chance.choice(chance.choice(((None, True, False), INTEGERS, _HUGE, FLOATS, TEXTS)))


def _bytes(chance: Random) -> Any:
    return {"b64": chance.choice(_BASE64)}


def _list(chance: Random) -> Any:
    return [_inner(chance)(chance) for _ in range(chance.randint(0, 4))]


def _object(chance: Random) -> Any:
    return {chance.choice(TEXTS): _inner(chance)(chance) for _ in range(chance.randint(0, 3))}


def _deep(chance: Random) -> Any:
    value = _scalar(chance)
    for _ in range(chance.choice(_DEPTHS)):
        value = [value]
    return value


def _inner(chance: Random) -> Callable[[Random], Any]:
    return chance.choice((_scalar, _scalar, _bytes, _deep))
