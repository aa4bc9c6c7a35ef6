"""Cron expressions: what they mean, and where they are wrong."""

from pathlib import Path

import pytest

from schemas.cron import Cron
from schemas.errors import ConfigError
from schemas.pipeline_file import load

EVERY_MINUTE = tuple(range(60))
EVERY_HOUR = tuple(range(24))
EVERY_DAY = tuple(range(1, 32))
EVERY_MONTH = tuple(range(1, 13))
EVERY_WEEKDAY = tuple(range(7))


def test_every_minute() -> None:
    assert Cron.parse("* * * * *") == Cron(
        EVERY_MINUTE, EVERY_HOUR, EVERY_DAY, EVERY_MONTH, EVERY_WEEKDAY, every_hour=True, either_day=False
    )


@pytest.mark.parametrize(
    ("expression", "minutes", "hours"),
    [
        ("0 3 * * *", (0,), (3,)),
        (" 5,35\t8-10 * * * ", (5, 35), (8, 9, 10)),
        ("*/20 8-18/5 * * *", (0, 20, 40), (8, 13, 18)),
        ("50/4 23 * * *", (50, 54, 58), (23,)),
        ("1,1,0-2 0 * * *", (0, 1, 2), (0,)),
        ("@hourly", (0,), EVERY_HOUR),
        ("@midnight", (0,), (0,)),
    ],
)
def test_times_of_the_day(expression: str, minutes: tuple[int, ...], hours: tuple[int, ...]) -> None:
    cron = Cron.parse(expression)
    assert (cron.minutes, cron.hours) == (minutes, hours)


@pytest.mark.parametrize(
    ("weekday", "days"),
    [
        ("0", (0,)),
        ("7", (0,)),
        ("sun", (0,)),
        ("MON-fri", (1, 2, 3, 4, 5)),
        ("5-7", (0, 5, 6)),
        ("sat-sun", (0, 6)),
        ("*/2", (0, 2, 4, 6)),
    ],
)
def test_sunday_is_0_and_7(weekday: str, days: tuple[int, ...]) -> None:
    assert Cron.parse(f"0 3 * * {weekday}").weekdays == days


def test_months_have_names() -> None:
    assert Cron.parse("0 3 1 jan,Jul-sep *").months == (1, 7, 8, 9)


def test_a_day_of_the_month_or_of_the_week() -> None:
    assert Cron.parse("0 3 13 * fri").either_day
    assert not Cron.parse("0 3 */2 * fri").either_day


@pytest.mark.parametrize(
    ("expression", "lines"),
    [
        ("0 25 * * *", ("field 2, the hour, must be 0 to 23. Received: 25", "0 25 * * *", "  ^^")),
        ("0 3 * * mon-fry", ("field 5, the weekday, must be 0 to 7 or sun to sat. Received: fry",
                             "0 3 * * mon-fry", "        ^^^^^^^")),
        ("0,61 3 * * *", ("field 1, the minute, must be 0 to 59. Received: 61", "0,61 3 * * *", "  ^^")),
        ("0 3 * *", ("must have 5 fields: minute, hour, day of the month, month, weekday. Received: 4",
                     "0 3 * *", "       ^")),
        ("0 0 3 * * *  ?", ("must have 5 fields: minute, hour, day of the month, month, weekday. Received: 7",
                            "0 0 3 * * *  ?", "          ^^^^")),
        ("*/0 3 * * *", ("field 1, the minute, must have a step of 1 or more after the slash. Received: 0",
                         "*/0 3 * * *", "^^^")),
        ("0 9-5 * * *", ("field 2, the hour, must have a range that begins before it ends. Received: 9-5",
                         "0 9-5 * * *", "  ^^^")),
        ("0 3 L * *", ("field 3, the day of the month, must be 1 to 31. Received: L", "0 3 L * *", "    ^")),
        ("0 3, * * *", ("field 2, the hour, must be 0 to 23, a range such as 1-5, steps such as */2, or a list of"
                        " these",
                        "0 3, * * *", "    ^")),
        ("0 0 30 2 *", ("names a day that none of its months has", "0 0 30 2 *", "    ^^")),
        ("0 0 30 2 mon", ("names a day that none of its months has", "0 0 30 2 mon", "    ^^")),
        ("0 0 31 apr,jun *", ("names a day that none of its months has", "0 0 31 apr,jun *", "    ^^")),
        ("@nightly", ("must be one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, or five"
                      " fields",
                      "@nightly", "^^^^^^^^")),
        ("", ("must have 5 fields: minute, hour, day of the month, month, weekday. Received: 0", "", "^")),
    ],
)  # fmt: skip
def test_a_mistake_has_its_place(expression: str, lines: tuple[str, ...]) -> None:
    with pytest.raises(ValueError) as caught:
        Cron.parse(expression)
    said, shown, carets = str(caught.value).split("\n")
    assert (said, shown.removeprefix("    "), carets.removeprefix("    ")) == lines


def test_the_29th_of_february_comes() -> None:
    assert Cron.parse("0 0 29 2 *").days == (29,)
    assert Cron.parse("0 0 31 * *").months == EVERY_MONTH


def test_a_pipeline_file_tells_file_line_field_and_place(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(
        "name: mail\n"
        "data: {format: csv, splits: {train: t.csv}, features: {text: text}, label: label}\n"
        "model: {family: linear}\n"
        "schedule:\n"
        '  cron: "0 25 * * *"\n'
        "  every: 6 hours\n"
        "  timezone: Europe/Berlim\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == (
        f"{file}:5: `schedule.cron` is wrong: field 2, the hour, must be 0 to 23. Received: 25\n"
        "    0 25 * * *\n"
        "      ^^\n"
        f"{file}:6: `schedule.every` is wrong: a period must be such as `30s`, `15m`, `6h`, `1h30m` or `7d`."
        " Received: 6 hours.\n"
        f"{file}:7: `schedule.timezone` is wrong: no time zone has this name. Did you mean `Europe/Berlin`?"
        " Received: Europe/Berlim."
    )
