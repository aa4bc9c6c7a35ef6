"""When an orchestrator is to start a pipeline: section `schedule` as a cron expression with a zone, or as a period."""

from dataclasses import dataclass, replace
from typing import Final

from schemas.config import PipelineConfig, ScheduleConfig
from schemas.errors import ConfigError
from schemas.period import seconds_of

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_UTC: Final = "UTC"


@dataclass(frozen=True)
class Starts:
    """What starts a run; nothing does where neither is given.

    Args:
        cron: a cron expression of five fields, or a macro such as `@daily`.
        timezone: its zone, such as `Europe/Berlin`.
        seconds: a period that no cron expression stands for.
        left_out: what only `trainworks schedule` looks for.
    """

    cron: str | None = None
    timezone: str = _UTC
    seconds: int | None = None
    left_out: tuple[str, ...] = ()


def starts_of(config: PipelineConfig) -> Starts:
    """The starts of a pipeline file.

    Raises:
        ConfigError: the file gives both `cron` and `every`.
    """
    schedule = config.schedule
    if schedule is None:
        return Starts()
    left_out = tuple(name for name in ("on_new_span", "on_drift") if getattr(schedule, name))
    return replace(_timed(config, schedule), left_out=left_out)


def _timed(config: PipelineConfig, schedule: ScheduleConfig) -> Starts:
    if schedule.cron and schedule.every:
        place = f"{config.source.place(('schedule',))}: " if config.source else ""
        raise ConfigError(
            f"{place}An orchestrator starts a pipeline by one of `cron` and `every`. Received: both. Leave one to"
            " `trainworks schedule`, or take it out by `--set schedule.every=null`."
        )
    if schedule.cron:
        return Starts(cron=schedule.cron, timezone=schedule.timezone or _local_zone())
    if not schedule.every:
        return Starts()
    seconds = seconds_of(schedule.every)
    cron = _cron_of(seconds)
    return Starts(cron=cron) if cron else Starts(seconds=seconds)


def _local_zone() -> str:
    import tzlocal

    return tzlocal.get_localzone_name() or _UTC


def _cron_of(seconds: int) -> str | None:
    """The expression, in UTC, of a period that fits a whole number of times into an hour or a day; else None."""
    if seconds == _DAY:
        return "0 0 * * *"
    if seconds % _HOUR == 0 and _DAY % seconds == 0:
        return f"0 */{seconds // _HOUR} * * *"
    if seconds % _MINUTE == 0 and _HOUR % seconds == 0:
        return f"*/{seconds // _MINUTE} * * * *"
    return None
