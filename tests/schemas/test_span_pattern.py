"""Patterns of spans: what they match, and how they are refused."""

import random
from datetime import date, timedelta

import pytest

from schemas.span_pattern import SpanPattern, Spelled, day_to_span, names_spans, span_to_day

LETTERS = "abc-_.x+()^$ 09"


def read(pattern: str, path: str) -> Spelled | None:
    """What the head of a pattern reads in a path of as many components."""
    made = SpanPattern(pattern)
    words: dict[str, str] = {}
    for name, part in zip(made.names, path.split("/"), strict=True):
        match = None if isinstance(name, str) else name.fullmatch(part)
        if match is None and name != part:
            return None
        words |= match.groupdict() if match else {}
    return made.spelled(words)


@pytest.mark.parametrize(
    ("pattern", "path", "number", "version"),
    [
        ("data/span-{SPAN}/*.csv", "data/span-7", 7, 0),
        ("data/span-{SPAN}/*.csv", "data/span-007", 7, 0),
        ("data/span-{SPAN:4}/*.csv", "data/span-0012", 12, 0),
        ("{SPAN}/v{VERSION:2}/x", "12/v03", 12, 3),
        ("v{VERSION}-{SPAN}.csv", "v2-11.csv", 11, 2),
        ("{YYYY}-{MM}-{DD}/*", "1970-01-02", 1, 0),
        ("{YYYY}/{MM}/{DD}.csv", "2026/11/25.csv", 20782, 0),
        ("{DD}.{MM}.{YYYY}-v{VERSION}", "25.11.2026-v4", 20782, 4),
        ("day[ab]*-{SPAN}?.csv", "dayb-x-3y.csv", 3, 0),
        ("*{SPAN}*{VERSION}.csv", "day120-v34.csv", 120, 34),
        ("*{SPAN:2}.csv", "day120.csv", 20, 0),
    ],
)
def test_paths_are_read(pattern: str, path: str, number: int, version: int) -> None:
    found = read(pattern, path)
    assert found is not None
    assert (found.number, found.version) == (number, version)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("data/span-{SPAN}", "data/span-7x"),
        ("data/span-{SPAN}", "data/span-"),
        ("data/span-{SPAN}", "data/span--1"),
        ("data/span-{SPAN}", "data/span-٣"),
        ("data/span-{SPAN:4}", "data/span-12"),
        ("data/span-{SPAN:4}", "data/span-00012"),
        ("data/span-{SPAN}", "data/span-1234567890123456789"),
        ("{YYYY}-{MM}-{DD}", "26-11-25"),
        ("a.{SPAN}", "ab1"),
    ],
)
def test_other_paths_are_not(pattern: str, path: str) -> None:
    assert read(pattern, path) is None


def test_a_day_that_does_not_exist_is_no_span() -> None:
    with pytest.raises(ValueError, match="day is out of range for month"):
        read("{YYYY}-{MM}-{DD}", "2026-02-30")


def test_whatever_is_written_by_a_pattern_is_read_by_it() -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    for _ in range(500):
        number, version = chance.randrange(10 ** chance.randint(1, 9)), chance.randrange(1000)
        width = chance.choice([None, len(str(number)) + chance.randint(0, 3)])
        before, between, after = ("".join(chance.choices(LETTERS, k=chance.randint(1, 5))) for _ in range(3))
        between = f"{between}/{before}" if chance.random() < 0.5 else f"{between}v"
        before, after = f"p{before}-", f"_{after}"
        pattern = f"{before}{{SPAN{f':{width}' if width else ''}}}_{between}{{VERSION}}{after}"
        path = f"{before}{number:0{width or 1}}_{between}{version}{after}"
        found = read(pattern, path)
        assert found is not None, f"seed={seed}: {pattern} {path}"
        assert (found.number, found.version) == (number, version), f"seed={seed}: {pattern} {path}"


def test_days_and_spans_are_the_same() -> None:
    assert day_to_span(date(1970, 1, 1)) == 0
    assert day_to_span(date(2000, 3, 1)) == 11017
    for number in range(-1000, 40_000, 97):
        assert day_to_span(span_to_day(number)) == number
        assert span_to_day(number) - timedelta(number) == date(1970, 1, 1)


def test_head_and_tail_part_at_the_last_word() -> None:
    made = SpanPattern("./data/{YYYY}/{MM}-{DD}/v{VERSION}/**/part-*.csv")
    assert made.head == ("data", "{YYYY}", "{MM}-{DD}", "v{VERSION}")
    assert made.tail == "**/part-*.csv"
    assert SpanPattern("/data/day-{SPAN}.csv").head == ("/", "data", "day-{SPAN}.csv")
    assert SpanPattern("/data/day-{SPAN}.csv").tail == ""


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("a-{SPAM}-{SPAN}", "one of SPAN, VERSION, YYYY, MM, DD.* Received: {SPAM}"),
        ("{span}", "Received: {span}"),
        ("{SPAN:0}", "Received: {SPAN:0}"),
        ("{SPAN:19}", "Received: {SPAN:19}"),
        ("{SPAN}/{SPAN}", "must have {SPAN} once, or a date"),
        ("{VERSION}", "must have {SPAN} once, or a date"),
        ("{SPAN}-{VERSION}-{VERSION:2}", "must have {VERSION} once at most"),
        ("{YYYY}-{MM}", "must be {YYYY}, {MM} and {DD}, each once"),
        ("{YYYY}-{MM}-{DD}-{DD}", "must be {YYYY}, {MM} and {DD}, each once"),
        ("{YYYY}-{MM}-{DD}-{SPAN}", "must have {SPAN} or a date, not both"),
        ("**/{SPAN}.csv", r"`\*\*` must come after the words in braces"),
    ],
)
def test_mistakes_are_named(pattern: str, message: str) -> None:
    assert names_spans(pattern)
    with pytest.raises(ValueError, match=message):
        SpanPattern(pattern)


def test_other_braces_are_no_spans() -> None:
    assert not names_spans("data/{a,b}.csv")
