"""The two clocks of a daemon."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Clock:
    """What time it is, and how much has passed.

    The first decides when a run starts, and nothing else: it may jump. Leases, limits and waits go by the second.

    Args:
        wall: seconds since the epoch.
        monotonic: seconds since some moment, which never go back.
    """

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.wall(), UTC)


def milliseconds(moment: datetime) -> int:
    """As the database has times."""
    return round(moment.timestamp() * 1000)


def moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
