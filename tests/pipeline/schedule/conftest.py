"""A clock that goes as it is told, and a database of schedules."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipeline.lineage.database import add_tables
from pipeline.lineage.store import Lineage
from pipeline.schedule import tables
from pipeline.schedule.clock import Clock

MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)


@dataclass
class Hands:
    """The hands of a clock: both move by `pass_`, only the wall's by `jump`."""

    wall: float = MIDNIGHT.timestamp()
    monotonic: float = 1000.0
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(lambda: self.wall, lambda: self.monotonic)

    def pass_(self, **spans: float) -> None:
        seconds = timedelta(**spans).total_seconds()
        self.wall, self.monotonic = self.wall + seconds, self.monotonic + seconds

    def jump(self, **spans: float) -> None:
        self.wall += timedelta(**spans).total_seconds()


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def lineage(tmp_path: Path) -> Iterator[Lineage]:
    with closing(Lineage(tmp_path / "metadata.sqlite")) as store:
        add_tables(store.engine, tables.metadata)
        yield store


@pytest.fixture
def engine(lineage: Lineage) -> Engine:
    return lineage.engine
