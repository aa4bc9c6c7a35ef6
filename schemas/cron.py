"""Cron expressions: five fields as crontab(5) has them, read with the place of every mistake.

Nothing here knows the time; `pipeline/schedule/fire_times.py` does.
"""

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_MACROS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS: Final = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_WEEKDAYS: Final = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_PART: Final = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\w+))?")
_LONGEST_MONTHS: Final = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}
"""Days of the months that have fewer than 31, in a leap year."""


@dataclass(frozen=True)
class _Field:
    """What may stand in a field: a span of numbers, or names for them."""

    name: str
    least: int
    most: int
    names: Mapping[str, int]


_FIELDS: Final = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of the month", 1, 31, {}),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _WEEKDAYS),
)


@dataclass(frozen=True)
class Cron:
    """A cron expression.

    Args:
        weekdays: 0 is Sunday.
        every_hour: the field of the hour begins with `*`, so that the clock's steps in spring and autumn do not matter.
        either_day: both the days of the month and the weekdays are restricted; then a day that is one of either counts.
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    every_hour: bool
    either_day: bool

    @classmethod
    def parse(cls, expression: str) -> "Cron":
        """Reads an expression, or one of the words such as `@daily`.

        Raises:
            ValueError: it is not one; the message has the field and, on lines of their own, the place.
        """
        if expression.strip().startswith("@"):
            return cls.parse(_macro(expression))
        words = list(re.finditer(r"\S+", expression))
        if len(words) != len(_FIELDS):
            raise _wrong_number(expression, words)
        fields = [
            _numbers(field, index, word, expression)
            for index, (field, word) in enumerate(zip(_FIELDS, words, strict=True), 1)
        ]
        minutes, hours, days, months, weekdays = fields
        restricted = [not word[0].startswith("*") for word in words]
        if restricted[2] and all(min(days) > _LONGEST_MONTHS.get(month, 31) for month in months):
            raise _mistake("names a day that none of its months has", expression, words[2].start(), words[2].end())
        return cls(
            minutes=minutes,
            hours=hours,
            days=days,
            months=months,
            weekdays=tuple(sorted({day % 7 for day in weekdays})),
            every_hour=not restricted[1],
            either_day=restricted[2] and restricted[4],
        )


def _macro(expression: str) -> str:
    word = expression.strip()
    if word not in _MACROS:
        begin = expression.index(word)
        raise _mistake(f"must be one of {', '.join(_MACROS)}, or five fields", expression, begin, begin + len(word))
    return _MACROS[word]


def _numbers(field: _Field, index: int, word: "re.Match[str]", expression: str) -> tuple[int, ...]:
    found: set[int] = set()
    begin = word.start()
    for part in word[0].split(","):
        end = begin + len(part)
        try:
            found.update(_part(field, part))
        except ValueError as error:
            raise _mistake(
                f"field {index}, the {field.name}, {error}", expression, begin, max(end, begin + 1)
            ) from None
        begin = end + 1
    return tuple(sorted(found))


def _part(field: _Field, part: str) -> range:
    """The numbers of `*`, `3`, `1-5`, `*/10` or `8-18/2`."""
    match = _PART.fullmatch(part)
    if match is None:
        raise ValueError(f"must be {_expected(field)}, a range such as 1-5, steps such as */2, or a list of these")
    first, last, step = match["first"], match["last"], _step(match["step"])
    if first == "*":
        if last:
            raise ValueError("must have a number before the dash")
        return range(field.least, field.most + 1, step)
    low = _number(field, first)
    if not last:
        return range(low, (field.most if match["step"] else low) + 1, step)
    high = 7 if field.names is _WEEKDAYS and last.lower() in ("sun", "0") else _number(field, last)
    if high < low:
        raise ValueError(f"must have a range that begins before it ends. Received: {part}")
    return range(low, high + 1, step)


def _step(text: str | None) -> int:
    if text is None:
        return 1
    if not text.isdecimal() or len(text) > 4 or int(text) < 1:
        raise ValueError(f"must have a step of 1 or more after the slash. Received: {text}")
    return int(text)


def _number(field: _Field, text: str) -> int:
    if text.lower() in field.names:
        return field.names[text.lower()]
    if not text.isdecimal() or len(text) > 4 or not field.least <= int(text) <= field.most:
        raise ValueError(f"must be {_expected(field)}. Received: {text}")
    return int(text)


def _expected(field: _Field) -> str:
    names = list(field.names)
    named = f" or {names[0]} to {names[-1]}" if names else ""
    return f"{field.least} to {field.most}{named}"


def _wrong_number(expression: str, words: "list[re.Match[str]]") -> ValueError:
    count = len(_FIELDS)
    extra = len(words) > count
    begin = words[count].start() if extra else len(expression.rstrip())
    end = words[-1].end() if extra else begin + 1
    return _mistake(
        f"must have {count} fields: minute, hour, day of the month, month, weekday. Received: {len(words)}",
        expression,
        begin,
        end,
    )


def _mistake(said: str, expression: str, begin: int, end: int) -> ValueError:
    """An error whose further lines show the expression with carets below the wrong part."""
    shown = expression.replace("\t", " ").replace("\n", " ")
    return ValueError(f"{said}\n    {shown}\n    {' ' * begin}{'^' * (end - begin)}")
