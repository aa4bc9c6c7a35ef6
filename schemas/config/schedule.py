"""Section `schedule`: when `trainworks schedule` runs the pipeline."""

import difflib
from typing import Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import field_validator, model_validator

from schemas.config.section import Section
from schemas.cron import Cron
from schemas.period import seconds_of


class ScheduleConfig(Section):
    """What starts a run, and what becomes of starts that meet a run or were missed.

    Several may be given, and each starts runs by itself; `trainworks schedule --trigger` starts one by hand.
    """

    cron: str | None = None
    """Times as crontab has them, `minute hour day month weekday`, such as `0 3 * * *`: every night at three. A time
    that the clock skips in spring comes an hour later; one that it repeats in autumn comes once, if hours are named."""

    every: str | None = None
    """A period such as `30s`, `15m`, `6h` or `7d`, counted from 1970-01-01T00:00Z, so that all daemons agree."""

    timezone: str | None = None
    """The zone of `cron`, such as `Europe/Berlin`. Unless given, that of the machine."""

    on_new_span: bool = False
    """A span, or a new version of one, that is complete (see `data.spans`) and was not there before."""

    poll: str = "30s"
    """How often new spans are looked for."""

    on_drift: str | None = None
    """How often `trainworks monitor` looks at what the model is asked and answers; see `monitoring`. When a rule of it
    says no, a run starts."""

    overlap: Literal["skip", "queue", "cancel-previous"] = "skip"
    """A start while the pipeline is at work, or due to be: it is dropped, it waits, or what is at work is stopped for
    it. What is asked for by hand, new spans and drift are never dropped; with `cancel-previous`, the run of the newest
    start makes up for all before it."""

    misfire: Literal["run-once", "skip", "catch-up"] = "run-once"
    """Starts that came while no daemon was there: one run makes up for all of them, none does, or each gets its own,
    which needs `overlap: queue`."""

    misfire_grace: str = "1m"
    """A start that is late by no more than this counts as in time."""

    @field_validator("cron")
    @classmethod
    def _is_an_expression(cls, value: str | None) -> str | None:
        if value is not None:
            Cron.parse(value)
        return value

    @field_validator("every", "poll", "on_drift", "misfire_grace")
    @classmethod
    def _is_a_period(cls, value: str | None) -> str | None:
        if value is not None:
            seconds_of(value)
        return value

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (KeyError, ValueError, OSError):
                close = difflib.get_close_matches(value, available_timezones(), n=1)
                hint = f" Did you mean `{close[0]}`?" if close else ""
                raise ValueError(f"no time zone has this name.{hint} Received: {value}") from None
        return value

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.timezone is not None and self.cron is None:
            raise ValueError("`timezone` is that of `cron`, which is not given")
        if self.misfire == "catch-up" and self.overlap != "queue":
            raise ValueError(f"`misfire: catch-up` needs `overlap: queue`. Received: overlap={self.overlap}")
        return self
