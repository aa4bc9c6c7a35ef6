"""Spans of time as people write them: `30s`, `15m`, `6h`, `1h30m`, `7d`."""

import re
from typing import Final

_UNITS: Final = {"d": 86_400, "h": 3600, "m": 60, "s": 1}
_PERIOD: Final = re.compile(r"(?:(\d{1,6})d)?\s*(?:(\d{1,6})h)?\s*(?:(\d{1,6})m)?\s*(?:(\d{1,6})s)?")


def seconds_of(text: str) -> int:
    """The seconds of a period.

    Raises:
        ValueError: it is not one, or has no length.
    """
    match = _PERIOD.fullmatch(text.strip())
    seconds = sum(int(n) * unit for n, unit in zip(match.groups("0"), _UNITS.values(), strict=True)) if match else 0
    if not seconds:
        raise ValueError(f"a period must be such as `30s`, `15m`, `6h`, `1h30m` or `7d`. Received: {text}")
    return seconds
