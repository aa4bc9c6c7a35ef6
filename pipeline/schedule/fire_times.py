"""When a schedule fires: APScheduler's triggers, with crontab's meaning of days and of the clock's steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import takewhile
from typing import Final, Literal
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from schemas.config import ScheduleConfig
from schemas.cron import Cron
from schemas.period import seconds_of

Kind = Literal["cron", "every"]

_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_TICK: Final = timedelta(microseconds=1)
_STEP: Final = timedelta(hours=3)
"""Longer than any step of a clock in spring."""


@dataclass(frozen=True, order=True)
class FireTime:
    """A moment, in UTC, at which a schedule fires, and what says so."""

    at: datetime
    kind: Kind


class FireTimes:
    """All fire times of a schedule. They depend on the schedule alone: two daemons find the same ones."""

    def __init__(self, config: ScheduleConfig) -> None:
        self.zone = _zone(config)
        self._cron = Cron.parse(config.cron) if config.cron else None
        self._triggers: list[tuple[Kind, BaseTrigger]] = []
        if self._cron:
            self._triggers += [("cron", trigger) for trigger in _cron_triggers(self._cron, self.zone)]
        if config.every:
            epoch = datetime(1970, 1, 1, tzinfo=UTC)
            every = IntervalTrigger(seconds=seconds_of(config.every), start_date=epoch, timezone=UTC)
            self._triggers.append(("every", every))

    def after(self, moment: datetime) -> FireTime | None:
        """The first fire time later than a moment; None where there is none."""
        found = [fire for fires in self._all(moment) if (fire := next(fires, None))]
        return min(found, default=None)

    def between(self, after: datetime, until: datetime) -> list[FireTime]:
        """The fire times later than `after` up to `until`, that included, in order."""
        found = {fire for fires in self._all(after) for fire in takewhile(lambda fire: fire.at <= until, fires)}
        return sorted(found)

    def _all(self, moment: datetime) -> list[Iterator[FireTime]]:
        return [self._of(kind, trigger, moment) for kind, trigger in self._triggers]

    def _of(self, kind: Kind, trigger: BaseTrigger, moment: datetime) -> Iterator[FireTime]:
        """What one trigger says. Where the clock was just put forward, from before that: what it skipped is to come."""
        stepped = (moment - _STEP).astimezone(self.zone).utcoffset() != moment.astimezone(self.zone).utcoffset()
        position = moment - _STEP if stepped else moment + _TICK
        while (local := trigger.get_next_fire_time(None, position)) is not None:
            found = local.astimezone(UTC)
            if found > moment and not (kind == "cron" and self._is_repeated(found)):
                yield FireTime(found, kind)
            position = found + _TICK

    def _is_repeated(self, found: datetime) -> bool:
        """Whether the clock shows this time again, in autumn, for an expression that names hours."""
        return self._cron is not None and not self._cron.every_hour and found.astimezone(self.zone).fold == 1


def _zone(config: ScheduleConfig) -> tzinfo:
    if config.timezone:
        return ZoneInfo(config.timezone)
    import tzlocal

    return tzlocal.get_localzone()


def _cron_triggers(cron: Cron, zone: tzinfo) -> list[BaseTrigger]:
    """One trigger, or two where a day may be one of either kind."""
    days, weekdays = _listed(cron.days), ",".join(_WEEKDAYS[day] for day in cron.weekdays)
    times = {"minute": _listed(cron.minutes), "hour": _listed(cron.hours), "month": _listed(cron.months)}
    fields = {"day": days, "day_of_week": weekdays}
    chosen = [{name: field} for name, field in fields.items()] if cron.either_day else [fields]
    return [CronTrigger(second="0", timezone=zone, **times, **given) for given in chosen]


def _listed(numbers: tuple[int, ...]) -> str:
    return ",".join(map(str, numbers))
