"""Which starts come: each once, with the policy for those that nobody saw, and whatever the clock does."""

from datetime import timedelta
from typing import Any

import pytest

from pipeline.schedule.timetable import MOST_MISSED, Timetable
from schemas.config import ScheduleConfig


def timetable(hands: Any, back: timedelta = timedelta(), **config: str) -> Timetable:
    """A timetable that somebody looked at so long ago."""
    return Timetable("news", ScheduleConfig(**config), hands.clock.now() - back, hands.clock)


def looked(table: Timetable) -> list[tuple[str, str | None]]:
    return [(f"{due.at:%d %H:%M}", due.outcome) for due in table.look()]


def watched(table: Timetable, hands: Any, seconds: int) -> list[str]:
    """What comes while it is looked at every 30 seconds."""
    found = []
    for _ in range(seconds // 30):
        hands.pass_(seconds=30)
        found += [f"{due.at:%d %H:%M}" for due in table.look()]
    return found


def test_each_comes_once_when_its_time_has_come(hands: Any) -> None:
    table = timetable(hands, every="1h")
    assert watched(table, hands, 7200) == ["26 01:00", "26 02:00"]
    assert table.next is not None and f"{table.next:%H:%M}" == "03:00"


@pytest.mark.parametrize(
    ("misfire", "expected"),
    [
        ("run-once", [("26 00:00", None)]),
        ("skip", [("26 00:00", "missed")]),
        ("catch-up", [(f"25 {hour}:00", None) for hour in range(20, 24)] + [("26 00:00", None)]),
    ],
)
def test_what_no_daemon_saw(
    hands: Any, caplog: pytest.LogCaptureFixture, misfire: str, expected: list[tuple[str, str | None]]
) -> None:
    hands.pass_(minutes=30)
    table = timetable(hands, timedelta(hours=5), every="1h", misfire=misfire, overlap="queue")
    assert looked(table) == expected
    assert caplog.messages == [f"news: no daemon was there for 5 starts (misfire: {misfire})"]
    assert looked(table) == []


def test_a_start_in_time_makes_up_for_those_that_were_missed(hands: Any) -> None:
    table = timetable(hands, timedelta(hours=5), every="1h")
    assert looked(table) == [("25 23:00", "missed"), ("26 00:00", None)]


def test_a_little_late_is_in_time(hands: Any) -> None:
    hands.pass_(minutes=4)
    assert looked(timetable(hands, timedelta(minutes=10), every="1h", misfire="skip", misfire_grace="5m")) == [
        ("26 00:00", None)
    ]
    assert looked(timetable(hands, timedelta(minutes=10), every="1h", misfire="skip", misfire_grace="3m")) == [
        ("26 00:00", "missed")
    ]


def test_years_of_seconds_are_not_counted_through(hands: Any) -> None:
    assert (
        len(timetable(hands, timedelta(days=3650), every="1s", misfire="catch-up", overlap="queue").look())
        == MOST_MISSED
    )
    first = timetable(hands, timedelta(days=3650), every="1s", misfire="skip").look()[0]
    assert first.reason == "1000 or more missed, the last one 2026-11-25 23:58Z"


def test_a_clock_that_jumps_ahead_misses_nothing_while_it_is_watched(hands: Any) -> None:
    table = timetable(hands, cron="30 0 * * *", timezone="UTC", misfire="skip")
    assert watched(table, hands, 600) == []
    hands.jump(hours=1)
    assert looked(table) == [("26 00:30", None)]
    assert watched(table, hands, 86_400) == ["27 00:30"]


def test_a_clock_that_jumps_back_shows_the_same_starts_again_under_the_same_keys(hands: Any) -> None:
    table = timetable(hands, cron="30 0 * * *", timezone="UTC")
    hands.pass_(minutes=31)
    first = table.look()
    hands.jump(hours=-1)
    assert table.look() == []
    hands.pass_(hours=1)
    assert [due.key for due in table.look()] == [due.key for due in first]


def test_a_clock_that_was_years_ahead_stops_nothing(hands: Any) -> None:
    table = timetable(hands, timedelta(days=-3650), every="1h")
    assert looked(table) == []
    assert watched(table, hands, 3600) == ["26 01:00"]


def test_another_schedule_holds_from_now_on(hands: Any) -> None:
    table = timetable(hands, every="1h")
    table.look()
    table.change(ScheduleConfig(every="10m"))
    assert watched(table, hands, 1800) == ["26 00:10", "26 00:20", "26 00:30"]
