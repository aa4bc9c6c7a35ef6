"""What starts a pipeline on an orchestrator."""

from pathlib import Path

import pytest

from pipeline.export.starts import Starts, starts_of
from schemas.errors import ConfigError
from schemas.pipeline_file import load


def starts(file: Path, schedule: str) -> Starts:
    return starts_of(load(file, [f"schedule={schedule}"]))


def test_a_cron_expression_keeps_its_zone(file: Path) -> None:
    assert starts_of(load(file)) == Starts(cron="0 3 * * 1-5", timezone="Europe/Berlin")


@pytest.mark.parametrize(
    ("every", "cron"),
    [("1d", "0 0 * * *"), ("6h", "0 */6 * * *"), ("1h", "0 */1 * * *"), ("15m", "*/15 * * * *")],
)
def test_a_period_that_fits_a_day_is_the_same_times_in_utc(file: Path, every: str, cron: str) -> None:
    assert starts(file, f"{{every: {every}}}") == Starts(cron=cron, timezone="UTC")


@pytest.mark.parametrize(("every", "seconds"), [("7d", 604_800), ("5h", 18_000), ("7m", 420), ("30s", 30)])
def test_any_other_period_stays_one(file: Path, every: str, seconds: int) -> None:
    assert starts(file, f"{{every: {every}}}") == Starts(seconds=seconds)


def test_without_a_schedule_nothing_starts_it(file: Path) -> None:
    assert starts(file, "null") == Starts()


def test_what_only_the_daemon_looks_for_is_named(file: Path) -> None:
    found = starts(file, "{cron: '0 3 * * *', timezone: UTC, on_drift: 1h}")
    assert (found.cron, found.left_out) == ("0 3 * * *", ("on_drift",))


def test_an_orchestrator_takes_one_of_the_two(file: Path) -> None:
    with pytest.raises(ConfigError, match=r": An orchestrator starts a pipeline by one of `cron` and `every`"):
        starts(file, "{cron: '0 3 * * *', every: 6h}")
