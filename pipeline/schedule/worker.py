"""One pipeline in one daemon: what is due goes into the database, and is run when the lease can be had."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from pipeline.lineage.owner import Owner
from pipeline.schedule.child import Child, Report
from pipeline.schedule.clock import Clock
from pipeline.schedule.fire_times import FireTimes
from pipeline.schedule.leases import Watch, renew
from pipeline.schedule.patience import Patience
from pipeline.schedule.schedules import Entry, described, register
from pipeline.schedule.states import Outcome
from pipeline.schedule.timetable import Timetable
from pipeline.schedule.triggers import Due, Situation, Trigger, Triggers
from pipeline.tables import duration
from schemas.config import ScheduleConfig

BEATS: Final = 6
"""Heartbeats in a lease's length."""

SILENCE: Final = 2 / 3
"""Share of a lease's length after which a run that hears nothing kills itself."""

_PATIENCE: Final = 30.0
"""Seconds that a run may take to end once it was interrupted, before it is killed."""

_WAIT_SECONDS: Final = 5.0
"""The wait before a run that cannot begin is tried again: somebody has started one by hand, say."""

_NOTE_SECONDS: Final = 30.0
"""How often it is noted that fire times are looked at, where there are none."""

_KEPT: Final = timedelta(days=90)
"""How long it is remembered what became of a fire time."""

_TIDY_SECONDS: Final = 3600.0
"""How often what is older is deleted."""

_log = logging.getLogger(__name__)


@dataclass
class _Running:
    """A run that this daemon is at.

    Args:
        renewed: when the lease was renewed last, on the monotonic clock.
        interrupted: when the run was asked to end; None if it was not.
        hand_back: the trigger is to wait again, rather than end, once the run has.
        lost: another daemon has the lease.
    """

    trigger: Trigger
    child: Child
    began: float
    renewed: float
    interrupted: float | None = None
    hand_back: bool = False
    lost: bool = False


class Scheduled(Protocol):
    """What a worker is at: a pipeline file, or what looks for its drift."""

    @property
    def name(self) -> str: ...

    @property
    def path(self) -> Path: ...

    @property
    def schedule(self) -> ScheduleConfig: ...

    def refresh(self) -> bool:
        """True when it has changed since the last call."""


class Worker:
    """Called at every tick of the daemon.

    Args:
        look: finds starts beside the fire times.
        launch: starts the run of this pipeline, which kills itself after so many seconds of silence.
        length: seconds of the lease.
        ending: called with every run that has come to its end, before that is written down; at times more than once.
        ended: called with it after that.
    """

    def __init__(
        self,
        file: Scheduled,
        patience: Patience,
        clock: Clock,
        launch: Callable[[float], Child],
        *,
        length: float,
        look: Callable[[], list[Due]] = list,
        ending: Callable[[Trigger, Report], None] = lambda trigger, report: None,
        ended: Callable[[Trigger, Report], None] = lambda trigger, report: None,
    ) -> None:
        self._file, self._patience, self._clock = file, patience, clock
        self._launch, self._length, self._look = launch, length, look
        self._ending, self._ended = ending, ended
        self._watch, self._owner = Watch(), str(Owner.current())
        self._running: _Running | None = None
        self._due: list[Due] = []
        self._not_before, self._said_waiting = 0.0, False
        self._changed, self._saved, self._tidy = True, clock.monotonic(), 0.0
        self._timetable = Timetable(file.name, file.schedule, self._register(), clock)
        self.outcomes: list[Outcome] = []
        """How the runs of this worker ended."""
        self.is_idle = False
        """Whether nothing waits, and nothing runs."""

    @property
    def is_running(self) -> bool:
        return self._running is not None

    def tick(self, *, accepting: bool = True) -> None:
        """One look at everything; returns soon.

        Args:
            accepting: whether new runs may start.
        """
        self._due += [*self._timetable.look(), *self._look()]
        if self._file.refresh():
            self._timetable.change(self._file.schedule)
            self._changed = True
        if self._patience.is_ready:
            self._patience.attempt(lambda: self._work(accepting))

    def introduce(self) -> None:
        """Says what starts the runs, and when the next one is due."""
        fire = self._timetable.next
        zone = self._timetable.fires.zone
        upcoming = f"; next {fire.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}" if fire else ""
        _log.info("%s: %s%s", self._file.name, described(self._file.schedule), upcoming)

    def hand_over(self) -> None:
        """Stops the run, so that this daemon or another takes its trigger up again."""
        if self._running and not self._running.hand_back:
            _log.info("%s: handing over", self._file.name)
            self._running.hand_back = True
            self._interrupt(self._running)

    def kill(self) -> None:
        """Ends the run at once; its trigger waits for whoever sees the lease expire."""
        if self._running:
            self._running.child.kill()

    def _work(self, accepting: bool) -> None:
        """What a tick does with the database."""
        triggers = Triggers(self._patience.engine, self._file.name, self._file.schedule.overlap)
        self._save(triggers)
        situation = triggers.situation()
        if self._running:
            self._tend(self._running, triggers, situation)
        elif accepting:
            self._begin(triggers, situation)
        waiting = not situation.paused and (situation.newest_pending or situation.running)
        self.is_idle = not waiting and self._running is None

    def _register(self) -> datetime:
        schedule = self._file.schedule
        zone = str(FireTimes(schedule).zone)
        entry = Entry(self._file.name, str(self._file.path), described(schedule), zone)
        return register(self._patience.engine, entry, self._clock.now())

    def _save(self, triggers: Triggers) -> None:
        """Writes down what is due. Until that is done it stays in mind, however long the database is away."""
        now = self._clock.monotonic()
        if not self._due and not self._changed and now - self._saved < _NOTE_SECONDS:
            return
        if self._changed or now - self._saved >= _NOTE_SECONDS:
            self._register()
        if now >= self._tidy:
            triggers.forget(self._clock.now() - _KEPT)
            self._tidy = now + _TIDY_SECONDS
        for due in triggers.add(self._due, self._timetable.position, self._timetable.next):
            said = f", {due.outcome}" if due.outcome else ""
            _log.info("%s: due (%s: %s)%s", self._file.name, due.kind, due.reason, said)
        self._due, self._changed, self._saved = [], False, now

    def _begin(self, triggers: Triggers, situation: Situation) -> None:
        free = self._watch.is_free(situation.lease, self._clock.monotonic())
        began = self._clock.monotonic()
        nothing = situation.paused or not (situation.newest_pending or situation.running)
        if nothing or not free or began < self._not_before:
            return
        trigger = triggers.begin(situation.lease, owner=self._owner, length=self._length, now=self._clock.now())
        if trigger is None:
            return
        again = f" (start {trigger.starts})" if trigger.starts > 1 else ""
        _log.info("%s: run begins (%s: %s)%s", self._file.name, trigger.kind, trigger.reason, again)
        try:
            child = self._launch(SILENCE * self._length)
        except OSError as error:
            _log.error("%s: the run cannot be started: %s", self._file.name, error)
            triggers.hand_back(trigger)
            self._not_before = began + _WAIT_SECONDS
            return
        self._running = _Running(trigger, child, began, began)
        self._renew(self._running)

    def _tend(self, running: _Running, triggers: Triggers, situation: Situation) -> None:
        if running.lost:
            self._running = None if running.child.has_ended() else running
            return
        if running.child.has_ended():
            self._finish(running, triggers)
            return
        now = self._clock.monotonic()
        if now - running.renewed >= self._length / BEATS and not self._renew(running):
            return
        if triggers.overlap == "cancel-previous" and situation.newest_pending > running.trigger.id:
            self._interrupt(running)
        if running.interrupted is not None and now - running.interrupted > _PATIENCE:
            running.child.kill()

    def _renew(self, running: _Running) -> bool:
        """Proves that this daemon lives, and tells the run; one whose lease is lost is killed."""
        now = self._clock.monotonic()
        if not renew(self._patience.engine, self._file.name, running.trigger.token):
            _log.warning("%s: another daemon has taken over; the run is stopped", self._file.name)
            running.lost = True
            running.child.kill()
            return False
        running.renewed = now
        if self._clock.monotonic() - now < self._length / BEATS:  # else the news may be old
            running.child.beat()
        return True

    def _finish(self, running: _Running, triggers: Triggers) -> None:
        """Writes down how a run ended. One that was to be handed over, or that its leash ended, is still to be made."""
        trigger, report = running.trigger, running.child.report()
        took = duration(self._clock.monotonic() - running.began)
        unfinished = running.hand_back and report.outcome in (Outcome.CANCELED, Outcome.FAILED)
        if report.is_to_come_again:
            kept = triggers.hand_back(trigger)
            self._wait(report)
        elif unfinished or (running.child.was_cut_off and running.interrupted is None):
            kept = triggers.hand_back(trigger)
            _log.info("%s: run ended unfinished after %s; it will be taken up again", self._file.name, took)
        else:
            self._said_waiting = False
            if running.interrupted is not None and report.outcome is Outcome.FAILED:
                report = replace(report, outcome=Outcome.CANCELED, detail="stopped for a newer start")
            detail, now = report.detail, self._clock.now()
            self._ending(trigger, report)
            kept = triggers.end(trigger, report.outcome, run_id=report.run_id, detail=detail, now=now)
            first = f": {detail.splitlines()[0]}" if detail else ""
            named = f"run {report.run_id}" if report.run_id else "the run"
            _log.info("%s: %s %s after %s%s", self._file.name, named, report.outcome, took, first)
            if kept:
                self.outcomes.append(report.outcome)
                self._ended(trigger, report)
        if not kept:
            _log.warning("%s: another daemon had taken over; its run counts", self._file.name)
        self._running = None

    def _wait(self, report: Report) -> None:
        """What kept the run from working is said once; the run comes again."""
        if not self._said_waiting:
            _log.info("%s: waiting: %s", self._file.name, report.detail)
        self._said_waiting, self._not_before = True, self._clock.monotonic() + _WAIT_SECONDS

    def _interrupt(self, running: _Running) -> None:
        if running.interrupted is None:
            running.interrupted = self._clock.monotonic()
            running.child.interrupt()
