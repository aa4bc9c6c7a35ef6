"""How much is kept whatever else is true of it."""

import re
from dataclasses import dataclass
from typing import Final

from pipeline.tables import duration
from schemas.errors import ConfigError

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True)
class Limits:
    """What is too young, or among the newest, to go.

    Args:
        keep_runs: newest runs of each pipeline whose artifacts, logs and curves stay.
        keep_versions: newest pushed versions of each model that stay.
        older_than: seconds; what is younger stays.
    """

    keep_runs: int = 10
    keep_versions: int = 3
    older_than: float = 30 * 86_400

    @property
    def age(self) -> str:
        """`older_than` in words."""
        days = self.older_than / 86_400
        return f"{days:g} days" if days >= 1 else duration(self.older_than)


def seconds_of(age: str) -> float:
    """`30d`, `12h`, `90m`, `45s` or `2w` in seconds.

    Raises:
        ConfigError: it is none of these.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", age.strip())
    if found is None:
        raise ConfigError(f"`--older-than` must be a number with s, m, h, d or w, such as 30d. Received: {age}")
    return float(found[1]) * _SECONDS[found[2]]
