"""The lease of a pipeline: one daemon at a time has it, and proves with a heartbeat that it lives.

No clock stands in it. A daemon takes a lease for expired when, for the lease's length on its own monotonic clock, it
has seen the same heartbeat; so clocks may differ between machines, and jump. Each taking counts the token up, and
whoever has an older token can change nothing any more (a fencing token).
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from pipeline.lineage.database import writing
from pipeline.schedule import tables

_COLUMNS = tables.lease.c


@dataclass(frozen=True)
class Lease:
    """A lease as it was seen.

    Args:
        owner: who took it last, as `Owner` writes itself.
        token: how often it was taken.
        heartbeat: how often its owner has renewed it.
        length: seconds without a heartbeat after which it has expired.
        held: False once it was given back.
    """

    owner: str
    token: int
    heartbeat: int
    length: float
    held: bool


def read_lease(connection: Connection, pipeline: str) -> Lease | None:
    columns = (_COLUMNS.owner, _COLUMNS.token, _COLUMNS.heartbeat, _COLUMNS.length, _COLUMNS.held)
    row = connection.execute(select(*columns).where(_COLUMNS.pipeline == pipeline)).first()
    return None if row is None else Lease(row.owner, row.token, row.heartbeat, row.length / 1000, bool(row.held))


def take(connection: Connection, pipeline: str, seen: Lease | None, *, owner: str, length: float) -> int | None:
    """Takes a lease that is still as it was `seen`; returns its token, None when another was faster."""
    values = {"owner": owner, "heartbeat": 0, "length": round(length * 1000), "held": True}
    if seen is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(tables.lease).values(pipeline=pipeline, token=1, **values))
        except IntegrityError:
            return None
        return 1
    unchanged = (
        _COLUMNS.pipeline == pipeline,
        _COLUMNS.token == seen.token,
        _COLUMNS.heartbeat == seen.heartbeat,
        _COLUMNS.held == seen.held,
    )
    token = seen.token + 1
    taken = connection.execute(update(tables.lease).where(*unchanged).values(token=token, **values))
    return token if taken.rowcount == 1 else None


def renew(engine: Engine, pipeline: str, token: int) -> bool:
    """One heartbeat; False when another daemon has taken over."""
    with writing(engine) as connection:
        beat = update(tables.lease).where(*_own(pipeline, token)).values(heartbeat=_COLUMNS.heartbeat + 1)
        return connection.execute(beat).rowcount == 1


def is_held_by(connection: Connection, pipeline: str, token: int) -> bool:
    return connection.scalar(select(_COLUMNS.token).where(*_own(pipeline, token))) is not None


def release(connection: Connection, pipeline: str, token: int) -> None:
    connection.execute(update(tables.lease).where(*_own(pipeline, token)).values(held=False))


def _own(pipeline: str, token: int) -> tuple[ColumnElement[bool], ...]:
    return (_COLUMNS.pipeline == pipeline, _COLUMNS.token == token, _COLUMNS.held.is_(True))


class Watch:
    """Tells when a lease has expired, by watching it.

    Held by another, it must stay as it is for its whole length, on this process's monotonic clock.
    """

    def __init__(self) -> None:
        self._seen: tuple[int, int] | None = None
        self._since = 0.0

    def is_free(self, lease: Lease | None, now: float) -> bool:
        """Whether the lease may be taken, `now` on the monotonic clock."""
        if lease is None or not lease.held:
            self._seen = None
            return True
        if self._seen != (lease.token, lease.heartbeat):
            self._seen, self._since = (lease.token, lease.heartbeat), now
            return False
        return now - self._since > lease.length
