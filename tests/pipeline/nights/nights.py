"""Nights of a project: spans that come by day, runs at three in the morning, and what these left.

A night is as long as its run. What is told of it is read from the database and by the command line.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Row, select

from components.versions import versions
from pipeline.lineage.database import add_tables, reading
from pipeline.lineage.store import Lineage
from pipeline.schedule import tables
from pipeline.schedule.status import statuses
from tests.pipeline.nights.daemons import Daemon, Daemons
from tests.pipeline.nights.tickets import Ticket
from tests.pipeline.real.curves import curves
from tests.pipeline.real.project import PIPELINE, Finished, Project, as_csv, make_project

ZONE: Final = ZoneInfo("Europe/Berlin")
FIRST_DAY: Final = date(2027, 3, 25)
"""Three days before the clocks go forward."""
SPLITS: Final = ("train", "test")
CHAMPION_RULE: Final = "accuracy >= champion - 0.1"
SETTINGS: Final[Mapping[str, Any]] = {
    "name": "tickets",
    "data": {
        "format": "csv",
        "splits": {name: f"spans/{{YYYY}}-{{MM}}-{{DD}}/v{{VERSION}}/{name}.csv" for name in SPLITS},
        "spans": {"window": 3, "newest_only": "test", "marker": "_SUCCESS"},
        "features": PIPELINE["data"]["features"],
        "label": PIPELINE["data"]["label"],
    },
    "validation": {"label_shift": {"at_most": 0.5}},
    "model": {"family": "linear"},
    "training": {"epochs": 40, "checkpoint_seconds": 0},
    "evaluation": {
        "require": [
            {"metric": "accuracy", "at_least": 0.4},
            {"metric": "accuracy", "champion": True, "no_worse_by": 0.1, "significance": 0.05},
        ]
    },
    "push": {"directory": "served"},
    "schedule": {"cron": "0 3 * * *", "timezone": ZONE.key},
}
_RUN_SECONDS: Final = 300.0


@dataclass(frozen=True)
class Morning:
    """What a run left behind.

    Args:
        kind: of what started it, as daemons have it; so are outcome, detail (what stopped it) and starts (how often).
        spans: with their versions, `2027-03-25/1`.
        fates: step to status.
        verdicts: step to its rules by name, where the step is a gate.
        champion: folder of the newest blessed model.
        serving: the newest pushed version.
    """

    kind: str
    outcome: str
    detail: str
    starts: int
    run_id: str
    spans: list[str]
    fates: dict[str, str]
    verdicts: dict[str, dict[str, dict[str, Any]]]
    notes: list[str]
    champion: Path | None
    serving: int | None

    def failed(self, step: str) -> set[str]:
        """The rules of a gate that do not hold."""
        return {name for name, rule in self.verdicts[step].items() if rule["verdict"] == "failed"}


class Nights:
    """A project and its daemons.

    Args:
        folder: for the project.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any] = SETTINGS) -> None:
        self.project: Project = make_project(folder, settings)
        self.daemons = Daemons(folder)
        self.today = FIRST_DAY
        """What is delivered is of this day; its run is at three in the morning of the next."""
        self._mornings = 0
        self._set_clock(12)

    @contextmanager
    def running(self, daemons: int) -> Iterator[None]:
        """So many daemons, which have begun to look at the clock."""
        with self.daemons.running(daemons):
            self.wait_for(self._is_scheduled)
            yield

    def deliver(self, tickets: Mapping[str, list[Ticket]], day: date | None = None, *, version: int = 1) -> Path:
        """Writes a day's span, today's unless told otherwise: its splits, and the marker last."""
        folder = self.project.folder / "spans" / f"{day or self.today}" / f"v{version}"
        folder.mkdir(parents=True)
        for name in SPLITS:
            (folder / f"{name}.csv").write_bytes(as_csv(tickets[name]))
        (folder / "_SUCCESS").touch()
        return folder

    def fall(self) -> None:
        """It is three in the morning of the next day."""
        self.today += timedelta(days=1)
        self._set_clock(3)

    def pass_(self) -> Morning:
        """The night passes, and its run."""
        self.fall()
        return self.morning()

    def ask_for_a_run(self, reason: str) -> Morning:
        """By hand; returns when it was run."""
        asked = self.project.trainworks("schedule", "--trigger", "pipeline.yaml", "--reason", reason)
        assert asked.exit_code == 0, asked.stderr
        return self.morning()

    def roll_back(self, reason: str) -> Finished:
        return self.project.trainworks("rollback", "pipeline.yaml", "--reason", reason, "--json")

    def morning(self) -> Morning:
        """What the next run leaves behind, once it has ended."""
        self.wait_for(lambda: len(self._ended()) > self._mornings)
        trigger = self._ended()[self._mornings]
        self._mornings += 1
        assert trigger.run_id, self.daemons.said()
        shown = self.project.trainworks("show", trigger.run_id, "--json").told
        verdicts = {step["name"]: step["verdict"] for step in shown["components"] if step["verdict"]}
        return Morning(
            kind=trigger.kind,
            outcome=trigger.outcome,
            detail=trigger.detail or "",
            starts=trigger.starts,
            run_id=trigger.run_id,
            spans=[f"{span['name']}/{span['version']}" for span in shown["spans"]],
            fates={step["name"]: step["status"] for step in shown["components"]},
            verdicts={step: {rule["rule"]: rule for rule in verdict["rules"]} for step, verdict in verdicts.items()},
            notes=[note for verdict in verdicts.values() for note in verdict["notes"]],
            champion=self.champion(),
            serving=max(self.pushed(), default=None),
        )

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Waits for what daemons are to do."""
        end = time.monotonic() + _RUN_SECONDS
        while not condition():
            assert time.monotonic() < end, self.daemons.said()
            time.sleep(0.05)

    @property
    def served(self) -> Path:
        """The folder that a model server looks into."""
        return self.project.folder / "served" / "tickets"

    def pushed(self) -> dict[int, Path]:
        """The versions there."""
        return versions(self.served)

    def champion(self) -> Path | None:
        with closing(self.lineage()) as lineage:
            found = lineage.latest_blessed("tickets", other_than=None)
            return found.uri if found else None

    def at_work(self) -> Daemon | None:
        """The daemon that holds the lease."""
        with closing(self.lineage()) as lineage:
            (status,) = statuses(lineage.engine)
        holders = (one for one in self.daemons.alive if status.holder.endswith(f" process {one.process.pid}"))
        return next(holders, None)

    def is_training(self) -> bool:
        """Whether a training is under way, beyond its second epoch, and the first is in a checkpoint."""
        checkpoints = (self.project.workspace / "scratch").glob("tickets/Trainer/*/checkpoints/checkpoint")
        return any(checkpoints) and len(self.epochs()) > 1

    def epochs(self, run_id: str = "*") -> dict[int, float]:
        """Epoch to its speed, of the newest training or a run's; no second training repeats that exactly."""
        trainings = (self.project.workspace / "tensorboard" / "tickets").glob(f"{run_id}/Trainer/train")
        newest = max(trainings, default=None)
        return curves(newest).get("epoch_steps_per_second", {}) if newest else {}

    def triggers(self) -> list[Row[Any]]:
        """All reasons there were to run, oldest first."""
        with closing(self.lineage()) as lineage:
            add_tables(lineage.engine, tables.metadata)
            with reading(lineage.engine) as connection:
                return list(connection.execute(select(tables.trigger).order_by(tables.trigger.c.id)))

    def lineage(self) -> Lineage:
        return Lineage(self._database)

    def _ended(self) -> list[Row[Any]]:
        return sorted((row for row in self.triggers() if row.state == "ended"), key=lambda row: int(row.finished))

    def _is_scheduled(self) -> bool:
        if not self._database.exists():
            return False
        with closing(self.lineage()) as lineage:
            return bool(statuses(lineage.engine))

    @property
    def _database(self) -> Path:
        return self.project.workspace / "metadata.sqlite"

    def _set_clock(self, hour: int) -> None:
        self.daemons.set_clock(datetime(self.today.year, self.today.month, self.today.day, hour, tzinfo=ZONE))
