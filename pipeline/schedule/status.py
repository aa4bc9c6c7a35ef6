"""What daemons do and will do, as the database has it."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, func, select

from pipeline.lineage.database import add_tables, reading
from pipeline.lineage.owner import Owner
from pipeline.schedule import tables
from pipeline.schedule.clock import moment
from pipeline.schedule.leases import read_lease
from pipeline.schedule.states import OF_A_RUN, State

_TRIGGER = tables.trigger.c


@dataclass(frozen=True)
class Ended:
    """The run that ended last.

    Args:
        run_id: None where it did not even begin: the pipeline file was wrong, say.
    """

    kind: str
    reason: str
    outcome: str
    finished: datetime
    run_id: str | None
    detail: str


@dataclass(frozen=True)
class Status:
    """One pipeline.

    Args:
        next_fire: in the zone of the schedule; None where nothing is to come by itself.
        holder: machine and process that has the lease; empty where nobody has.
        waiting: how many triggers wait.
        running: why the present run was started; empty where there is none.
    """

    pipeline: str
    file: str
    starts: str
    paused: bool
    next_fire: datetime | None
    holder: str
    waiting: int
    running: str
    last: Ended | None


def statuses(engine: Engine) -> list[Status]:
    """Every pipeline that daemons know, by name."""
    add_tables(engine, tables.metadata)
    with reading(engine) as connection:
        rows = connection.execute(select(tables.schedule).order_by(tables.schedule.c.pipeline)).all()
        return [
            Status(
                pipeline=row.pipeline,
                file=row.file,
                starts=row.starts,
                paused=bool(row.paused),
                next_fire=None if row.next_fire is None or row.paused else _local(row.next_fire, row.zone),
                holder=_holder(connection, row.pipeline),
                waiting=_waiting(connection, row.pipeline),
                running=_running(connection, row.pipeline),
                last=_last(connection, row.pipeline),
            )
            for row in rows
        ]


def _local(milliseconds: int, zone: str) -> datetime:
    try:
        return moment(milliseconds).astimezone(ZoneInfo(zone))
    except (KeyError, ValueError, OSError):  # a zone that the daemon's machine has, and this one has not
        return moment(milliseconds)


def _holder(connection: Connection, pipeline: str) -> str:
    lease = read_lease(connection, pipeline)
    owner = Owner.parse(lease.owner) if lease and lease.held else None
    return f"{owner.machine.partition('/')[0]}, process {owner.pid}" if owner else ""


def _waiting(connection: Connection, pipeline: str) -> int:
    of = (_TRIGGER.pipeline == pipeline, _TRIGGER.state == State.PENDING)
    return connection.scalar(select(func.count()).select_from(tables.trigger).where(*of)) or 0


def _running(connection: Connection, pipeline: str) -> str:
    of = (_TRIGGER.pipeline == pipeline, _TRIGGER.state == State.RUNNING)
    row = connection.execute(select(_TRIGGER.kind, _TRIGGER.reason).where(*of).limit(1)).first()
    return f"{row.kind}: {row.reason}" if row else ""


def _last(connection: Connection, pipeline: str) -> Ended | None:
    of = (_TRIGGER.pipeline == pipeline, _TRIGGER.outcome.in_(OF_A_RUN))
    chosen = select(tables.trigger).where(*of).order_by(_TRIGGER.finished.desc(), _TRIGGER.id.desc()).limit(1)
    row = connection.execute(chosen).first()
    if row is None:
        return None
    finished = moment(row.finished).astimezone()
    return Ended(row.kind, row.reason, row.outcome, finished, row.run_id, row.detail or "")
