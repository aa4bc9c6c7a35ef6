"""The rows of what is due: added once, run once, ended once.

Every method is one transaction. A run is begun together with taking its pipeline's lease, and ended only by the token
of that lease: a daemon that was given up for dead can change nothing any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import get_args

from sqlalchemy import Connection, Engine, delete, select, update

from pipeline.lineage.database import reading, writing
from pipeline.schedule import tables
from pipeline.schedule.clock import milliseconds
from pipeline.schedule.fire_times import Kind
from pipeline.schedule.leases import Lease, is_held_by, read_lease, release, take
from pipeline.schedule.requests import add_pending
from pipeline.schedule.states import Outcome, State
from schemas.config import ScheduleConfig

_COLUMNS = tables.trigger.c


@dataclass(frozen=True)
class Due:
    """A start that is due.

    Args:
        kind: `cron`, `every`, `span`; requests have `request`.
        key: tells it from others of its kind.
        outcome: how it ended already, if no run is to come of it.
        passes: a fire time, which may be dropped; what was found once is not found again, and waits.
    """

    kind: str
    key: str
    at: datetime
    reason: str
    outcome: Outcome | None = None
    passes: bool = True


@dataclass(frozen=True)
class Trigger:
    """A trigger that is to be run, or is.

    Args:
        starts: how often a daemon has begun it.
        token: of the lease that it is, or was last, run under; 0 for none.
    """

    id: int
    pipeline: str
    kind: str
    due: int
    reason: str
    starts: int = 0
    token: int = 0


@dataclass(frozen=True)
class Situation:
    """What a daemon sees of a pipeline.

    Args:
        lease: None where nobody ever ran it under one.
        newest_pending: id of the newest trigger that waits; 0 for none.
        running: id of the one that a daemon runs, or died over; 0 for none.
    """

    paused: bool
    lease: Lease | None
    newest_pending: int
    running: int


class Triggers:
    """The triggers of one pipeline.

    Args:
        overlap: what becomes of a start while the pipeline is at work.
    """

    def __init__(self, engine: Engine, pipeline: str, overlap: str = ScheduleConfig().overlap) -> None:
        self._engine, self._pipeline, self.overlap = engine, pipeline, overlap

    def situation(self) -> Situation:
        with reading(self._engine) as connection:
            paused = self._is_paused(connection)
            ids = {state: [t.id for t in self._in_state(connection, state)] for state in (State.PENDING, State.RUNNING)}
            lease = read_lease(connection, self._pipeline)
        newest = {state: max(found, default=0) for state, found in ids.items()}
        return Situation(paused, lease, newest[State.PENDING], newest[State.RUNNING])

    def add(self, due: Sequence[Due], watched_until: datetime, next_fire: datetime | None) -> list[Due]:
        """Adds what nobody has added yet, and notes up to when fire times were looked at; returns what it added.

        With `overlap: skip`, a fire time that comes while another start is pending or running ends at once; the result
        says so. Those of a pipeline that is paused are not added. Of several spans that are new, one starts the run
        that reads them all.
        """
        with writing(self._engine) as connection:
            paused = self._is_paused(connection)
            new = [d for d in due if not (paused and d.passes) and not self._is_known(connection, d)]
            last = next((start for start in reversed(new) if not start.passes), None)
            added = [self._add(connection, start, along=not start.passes and start is not last) for start in new]
            values = {
                "watched_until": milliseconds(watched_until),
                "next_fire": None if next_fire is None else milliseconds(next_fire),
            }
            table = tables.schedule
            connection.execute(update(table).where(table.c.pipeline == self._pipeline).values(values))
        return added

    def forget(self, before: datetime) -> int:
        """Deletes what ended fire times have left, of those that were due before; returns how many.

        Requests and spans are kept: a span is known to be read by its row.
        """
        old = (_COLUMNS.kind.in_(get_args(Kind)), _COLUMNS.state == State.ENDED, _COLUMNS.due < milliseconds(before))
        with writing(self._engine) as connection:
            return connection.execute(delete(tables.trigger).where(_COLUMNS.pipeline == self._pipeline, *old)).rowcount

    def begin(self, seen: Lease | None, *, owner: str, length: float, now: datetime) -> Trigger | None:
        """Takes the pipeline's lease and the trigger to run next, one that a dead daemon ran first.

        Args:
            seen: the lease as it was when it was judged free or expired; None where there was none.
            length: seconds that others must see no heartbeat before they take over.

        Returns:
            the trigger with the lease's token; None when nothing is to be run, or another daemon was faster.
        """
        with writing(self._engine) as connection:
            orphans, waiting = self._in_state(connection, State.RUNNING), self._in_state(connection, State.PENDING)
            trigger, older = self._chosen([*orphans, *waiting])
            token = take(connection, self._pipeline, seen, owner=owner, length=length) if trigger else None
            if trigger is None or token is None:
                return None
            self._supersede(connection, older, now)
            begun = replace(trigger, token=token, starts=trigger.starts + 1)
            connection.execute(
                update(tables.trigger)
                .where(_COLUMNS.id == trigger.id)
                .values(state=State.RUNNING, token=token, starts=begun.starts, started=milliseconds(now))
            )
        return begun

    def end(self, trigger: Trigger, outcome: Outcome, *, run_id: str | None, detail: str, now: datetime) -> bool:
        """Ends a trigger and gives the lease back; False, and nothing changes, when another daemon has taken over."""
        values = {
            "state": State.ENDED,
            "outcome": outcome,
            "run_id": run_id,
            "detail": detail,
            "finished": milliseconds(now),
        }
        return self._let_go(trigger, values)

    def hand_back(self, trigger: Trigger) -> bool:
        """Lets a trigger wait again, for this daemon or another; False when another has taken it already."""
        return self._let_go(trigger, {"state": State.PENDING})

    def _let_go(self, trigger: Trigger, values: Mapping[str, object]) -> bool:
        with writing(self._engine) as connection:
            if not is_held_by(connection, self._pipeline, trigger.token):
                return False
            running = (_COLUMNS.id == trigger.id) & (_COLUMNS.state == State.RUNNING)
            changed = connection.execute(update(tables.trigger).where(running).values(values)).rowcount
            release(connection, self._pipeline, trigger.token)
            return changed == 1

    def _chosen(self, candidates: Sequence[Trigger]) -> tuple[Trigger | None, Sequence[Trigger]]:
        """The trigger to run next, and those that it takes the place of."""
        if self.overlap != "cancel-previous":
            return (candidates[0] if candidates else None), ()
        newest = max(candidates, key=lambda trigger: trigger.id, default=None)
        return newest, [trigger for trigger in candidates if trigger is not newest]

    def _supersede(self, connection: Connection, triggers: Sequence[Trigger], now: datetime) -> None:
        connection.execute(
            update(tables.trigger)
            .where(_COLUMNS.id.in_([trigger.id for trigger in triggers]))
            .values(state=State.ENDED, outcome=Outcome.SUPERSEDED, finished=milliseconds(now))
        )

    def _is_paused(self, connection: Connection) -> bool:
        columns = tables.schedule.c
        return bool(connection.scalar(select(columns.paused).where(columns.pipeline == self._pipeline)))

    def _is_known(self, connection: Connection, start: Due) -> bool:
        same = (_COLUMNS.pipeline == self._pipeline, _COLUMNS.kind == start.kind, _COLUMNS.unique_key == start.key)
        return connection.scalar(select(_COLUMNS.id).where(*same)) is not None

    def _add(self, connection: Connection, start: Due, *, along: bool) -> Due:
        if along:
            start = replace(start, outcome=Outcome.SUPERSEDED)
        if start.passes and start.outcome is None and self.overlap == "skip" and self._is_busy(connection):
            start = replace(start, outcome=Outcome.SKIPPED)
        added = add_pending(
            connection, self._pipeline, kind=start.kind, key=start.key, due=start.at, reason=start.reason
        )
        if start.outcome is not None:
            connection.execute(
                update(tables.trigger)
                .where(_COLUMNS.id == added)
                .values(state=State.ENDED, outcome=start.outcome, finished=milliseconds(start.at))
            )
        return start

    def _is_busy(self, connection: Connection) -> bool:
        return bool(self._in_state(connection, State.PENDING) or self._in_state(connection, State.RUNNING))

    def _in_state(self, connection: Connection, state: State) -> list[Trigger]:
        """The triggers of a state, oldest first."""
        columns = (_COLUMNS.id, _COLUMNS.pipeline, _COLUMNS.kind, _COLUMNS.due, _COLUMNS.reason, _COLUMNS.starts)
        chosen = select(*columns, _COLUMNS.token).where(_COLUMNS.pipeline == self._pipeline, _COLUMNS.state == state)
        rows = connection.execute(chosen.order_by(_COLUMNS.id))
        return [Trigger(*row[:6], token=row[6] or 0) for row in rows]
