"""The rows of what is scheduled: one a pipeline, written by the daemons that know its file."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, insert, select, update

from pipeline.lineage.database import add_tables, reading, writing
from pipeline.schedule import tables
from pipeline.schedule.clock import milliseconds, moment
from schemas.config import ScheduleConfig
from schemas.errors import ConfigError

_TABLE = tables.schedule


@dataclass(frozen=True)
class Entry:
    """What a daemon says about a pipeline.

    Args:
        file: the pipeline file.
        starts: what starts its runs, for people.
        zone: the time zone of its fire times.
    """

    pipeline: str
    file: str
    starts: str
    zone: str


def described(config: ScheduleConfig) -> str:
    """What starts the runs, in the words of the file."""
    said = {
        f"cron {config.cron}": config.cron,
        f"every {config.every}": config.every,
        "on a new span": config.on_new_span,
        f"on drift, looked for every {config.on_drift}": config.on_drift,
    }
    return ", ".join(words for words, given in said.items() if given) or "by hand"


def register(engine: Engine, entry: Entry, now: datetime) -> datetime:
    """Makes a pipeline known; returns up to when its fire times were looked at, `now` for a new one."""
    values = {"file": entry.file, "starts": entry.starts, "zone": entry.zone}
    with writing(engine) as connection:
        chosen = _TABLE.c.pipeline == entry.pipeline
        known = connection.scalar(select(_TABLE.c.watched_until).where(chosen))
        if known is not None:
            connection.execute(update(_TABLE).where(chosen).values(values))
            return moment(known)
        new = {"pipeline": entry.pipeline, "watched_until": milliseconds(now), "paused": False, **values}
        connection.execute(insert(_TABLE).values(new))
        return now


def pause_pipeline(engine: Engine, pipeline: str, *, paused: bool) -> None:
    """Lets no run of a known pipeline start, or lets them start again."""
    with writing(engine) as connection:
        connection.execute(update(_TABLE).where(_TABLE.c.pipeline == pipeline).values(paused=paused))


def check_known(engine: Engine, pipeline: str) -> None:
    """Raises a ConfigError for a pipeline that no daemon has ever been started for."""
    add_tables(engine, tables.metadata)
    with reading(engine) as connection:
        known = list(connection.scalars(select(_TABLE.c.pipeline).order_by(_TABLE.c.pipeline)))
    if pipeline not in known:
        raise ConfigError(
            "The pipeline must be one that `trainworks schedule` has been started for:"
            f" {', '.join(known) or 'there is none'}. Received: {pipeline}"
        )
