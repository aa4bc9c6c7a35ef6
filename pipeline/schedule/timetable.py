"""Which fire times have come: each once, whatever the clock does, and with the policy for those that were missed.

A start is missed when no daemon was there. A daemon that looked all the time has missed nothing, even when the clock
jumped over a fire time: how long it did not look is told by the monotonic clock.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from pipeline.schedule.clock import Clock
from pipeline.schedule.fire_times import FireTime, FireTimes
from pipeline.schedule.states import Outcome
from pipeline.schedule.triggers import Due
from schemas.config import ScheduleConfig
from schemas.period import seconds_of

MOST_MISSED: Final = 1000
"""Starts that are looked back for at most; the newest count."""

_log = logging.getLogger(__name__)


class Timetable:
    """The fire times of one schedule, looked at again and again.

    Args:
        position: up to when they have been looked at, by whichever daemon.
    """

    def __init__(self, pipeline: str, config: ScheduleConfig, position: datetime, clock: Clock) -> None:
        self._pipeline, self._clock = pipeline, clock
        self.position = min(position, clock.now())
        self._looked: float | None = None
        self.change(config)

    def change(self, config: ScheduleConfig) -> None:
        """Goes on with another schedule from where it has looked up to."""
        self.config = config
        self.fires = FireTimes(config)
        self._grace = seconds_of(config.misfire_grace)

    @property
    def next(self) -> datetime | None:
        fire = self.fires.after(self.position)
        return None if fire is None else fire.at

    def look(self) -> list[Due]:
        """The starts that have come since the last look."""
        now, second = self._clock.now(), self._clock.monotonic()
        watched = self._looked is not None and second - self._looked <= self._grace
        self._looked = second
        fires = self._since(now) if now > self.position else []
        self.position = now  # a clock that went back shows some times again; their rows are there already
        if watched:
            return [_due(fire) for fire in fires]
        oldest = now - timedelta(seconds=self._grace)
        missed, in_time = [f for f in fires if f.at < oldest], [f for f in fires if f.at >= oldest]
        counted = f"{MOST_MISSED} or more" if len(fires) >= MOST_MISSED else str(len(missed))
        return [*self._made_up(missed, counted, enough=bool(in_time)), *map(_due, in_time)]

    def _since(self, now: datetime) -> list[FireTime]:
        """The newest fire times after the position, found without counting through years of seconds."""
        back = timedelta(hours=1)
        while True:
            begin = max(self.position, now - back)
            found = self.fires.between(begin, now)
            if begin == self.position or len(found) >= MOST_MISSED:
                return found[-MOST_MISSED:]
            back *= 8

    def _made_up(self, missed: list[FireTime], count: str, *, enough: bool) -> list[Due]:
        if not missed:
            return []
        policy = self.config.misfire
        _log.warning("%s: no daemon was there for %s starts (misfire: %s)", self._pipeline, count, policy)
        if policy == "catch-up":
            return [_due(fire) for fire in missed]
        reason = f"{count} missed, the last one {missed[-1].at:%Y-%m-%d %H:%M}Z"
        outcome = Outcome.MISSED if policy == "skip" or enough else None
        return [_due(missed[-1], reason, outcome)]


def _due(fire: FireTime, reason: str = "", outcome: Outcome | None = None) -> Due:
    return Due(fire.kind, fire.at.isoformat(), fire.at, reason or f"{fire.at:%Y-%m-%d %H:%M:%S}Z", outcome)
