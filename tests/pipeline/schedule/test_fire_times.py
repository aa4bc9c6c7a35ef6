"""When schedules fire, by hand-computed times. In 2026 Berlin's clock steps on 29 March and 25 October."""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.schedule.fire_times import FireTimes
from schemas.config import ScheduleConfig


def fires(begin: str, end: str, **config: str) -> list[str]:
    """Fire times, in UTC, of a schedule in a part of 2026 (`03-29 00:00`)."""
    found = FireTimes(ScheduleConfig(**config)).between(moment(begin), moment(end))
    return [f"{fire.at:%m-%d %H:%M:%S}".removesuffix(":00") for fire in found]


def moment(text: str) -> datetime:
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def berlin(cron: str, begin: str, end: str) -> list[str]:
    return fires(begin, end, cron=cron, timezone="Europe/Berlin")


def test_a_time_zone_moves_with_the_seasons() -> None:
    assert berlin("0 3 * * *", "03-27 12:00", "03-30 12:00") == ["03-28 02:00", "03-29 01:00", "03-30 01:00"]


def test_a_time_that_the_clock_skips_comes_an_hour_later() -> None:
    assert berlin("30 2 * * *", "03-28 12:00", "03-30 12:00") == ["03-29 01:30", "03-30 00:30"]


@pytest.mark.parametrize("minutes", [29, 30, 31, 59, 60, 61, 70, 89])
def test_and_so_it_does_for_who_asks_in_the_skipped_hour(minutes: int) -> None:
    asked = moment("03-29 00:00") + timedelta(minutes=minutes)
    times = FireTimes(ScheduleConfig(cron="30 2 * * *", timezone="Europe/Berlin"))
    fire = times.after(asked)
    assert fire is not None and fire.at == moment("03-29 01:30")


def test_a_time_that_the_clock_repeats_comes_once() -> None:
    assert berlin("30 2 * * *", "10-24 12:00", "10-26 12:00") == ["10-25 00:30", "10-26 01:30"]


def test_every_hour_comes_every_hour_all_the_same() -> None:
    assert berlin("0 * * * *", "10-24 22:30", "10-25 02:30") == [f"10-{day}" for day in (
        "24 23:00", "25 00:00", "25 01:00", "25 02:00")]  # fmt: skip
    assert berlin("0 * * * *", "03-28 23:30", "03-29 02:30") == ["03-29 00:00", "03-29 01:00", "03-29 02:00"]


def test_either_of_two_kinds_of_day() -> None:
    assert fires("11-01 00:00", "11-15 00:00", cron="0 3 13 * sun", timezone="UTC") == [
        "11-01 03:00", "11-08 03:00", "11-13 03:00"]  # fmt: skip
    assert fires("11-01 00:00", "11-15 00:00", cron="0 3 * * 1", timezone="UTC") == ["11-02 03:00", "11-09 03:00"]


def test_intervals_are_the_same_for_all_who_count() -> None:
    assert fires("03-29 00:30", "03-29 13:00", every="6h") == ["03-29 06:00", "03-29 12:00"]
    assert fires("03-29 00:00", "03-29 00:01", every="20s") == ["03-29 00:00:20", "03-29 00:00:40", "03-29 00:01"]


def test_both_at_once() -> None:
    found = FireTimes(ScheduleConfig(cron="0 3 * * *", every="12h", timezone="UTC")).between(
        moment("05-01 00:00"), moment("05-01 12:00")
    )
    assert [(fire.kind, fire.at.hour) for fire in found] == [("cron", 3), ("every", 12)]


def test_the_end_is_included_and_the_beginning_is_not() -> None:
    assert fires("05-01 03:00", "05-02 03:00", cron="0 3 * * *", timezone="UTC") == ["05-02 03:00"]


def test_looking_every_second_sees_what_looking_once_sees() -> None:
    times = FireTimes(ScheduleConfig(cron="*/7 1-3 * * *", timezone="Europe/Berlin"))
    for begin in (moment("03-28 23:30"), moment("10-24 22:30")):
        position, found = begin, []
        while position < begin + timedelta(hours=4):
            found += times.between(position, position + timedelta(seconds=97))
            position += timedelta(seconds=97)
        assert found == times.between(begin, position)


def test_nothing_fires_by_itself_without_a_time() -> None:
    times = FireTimes(ScheduleConfig())
    assert (times.after(moment("01-01 00:00")), times.between(moment("01-01 00:00"), moment("12-31 00:00"))) == (
        None,
        [],
    )
