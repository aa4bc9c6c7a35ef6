"""Patterns that say in which span a file is: `data/span-{SPAN}/v{VERSION}/*.csv`, in the words of TFX's ExampleGen.

`{SPAN}` and `{VERSION}` stand for whole numbers, `{SPAN:4}` for one of exactly four digits, zeros in front. Instead of
`{SPAN}`, `{YYYY}`, `{MM}` and `{DD}`, each once, stand for a day; its span is the number of days since 1970-01-01.
All else is a glob. https://www.tensorflow.org/tfx/guide/examplegen
"""

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import PurePosixPath
from typing import Final

_BRACES: Final = re.compile(r"\{([^{}]*)\}")
_NUMBER: Final = re.compile(r"(SPAN|VERSION)(?::([1-9][0-9]?))?")
_OF_ANY_LENGTH: Final = ("SPAN", "VERSION")
"""Words that take all digits there are; a `*` before them takes none."""
_MEANT: Final = re.compile(r"(span|version|yyyy|mm|dd)(:.*)?", re.IGNORECASE)
_LONGEST: Final = 18
"""Digits of a number that every database can hold."""
_DAY: Final = {"YYYY": 4, "MM": 2, "DD": 2}
_EPOCH: Final = date(1970, 1, 1)


def day_to_span(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def span_to_day(number: int) -> date:
    """The day of a span that stands for one."""
    return _EPOCH + timedelta(number)


def names_spans(pattern: str) -> bool:
    """Whether a glob is meant as a pattern of spans, rightly written or not."""
    return any(_MEANT.fullmatch(word) for word in _BRACES.findall(pattern))


def _digits(word: str) -> str | None:
    """The regular expression of what a word in braces stands for; None for a word that is not known."""
    if word in _DAY:
        return f"[0-9]{{{_DAY[word]}}}"
    found = _NUMBER.fullmatch(word)
    if found is None or int(found[2] or 1) > _LONGEST:
        return None
    return f"[0-9]{{{found[2] or f'1,{_LONGEST}'}}}"


@dataclass(frozen=True)
class Spelled:
    """What the words in braces were in one path: the numbers, and the texts that they were read from."""

    number: int
    version: int
    texts: tuple[str, ...]


@dataclass(frozen=True)
class SpanPattern:
    """A glob with words in braces.

    Raises:
        ValueError: a word is unknown, missing, or stands more than once.
    """

    text: str

    def __post_init__(self) -> None:
        words = _BRACES.findall(self.text)
        for word in words:
            if _digits(word) is None:
                raise ValueError(
                    f"what stands in braces in a pattern of spans must be one of SPAN, VERSION, YYYY, MM, DD, or a"
                    f" number's digits as in {{SPAN:4}}. Received: {{{word}}} in {self.text!r}"
                )
        kinds = [word.partition(":")[0] for word in words]
        if (days := sorted(kind for kind in kinds if kind in _DAY)) and "SPAN" in kinds:
            raise ValueError(f"a pattern must have {{SPAN}} or a date, not both. Received: {self.text!r}")
        if days and days != sorted(_DAY):
            raise ValueError(f"a date must be {{YYYY}}, {{MM}} and {{DD}}, each once. Received: {self.text!r}")
        if not days and kinds.count("SPAN") != 1:
            raise ValueError(f"a pattern of spans must have {{SPAN}} once, or a date. Received: {self.text!r}")
        if kinds.count("VERSION") > 1:
            raise ValueError(f"a pattern must have {{VERSION}} once at most. Received: {self.text!r}")
        if "**" in self.head:
            raise ValueError(f"`**` must come after the words in braces. Received: {self.text!r}")

    @property
    def dated(self) -> bool:
        """Whether spans are days."""
        return "{YYYY}" in self.text

    @property
    def versioned(self) -> bool:
        return "{VERSION" in self.text

    @cached_property
    def head(self) -> tuple[str, ...]:
        """The components of the path up to the last that holds a word in braces: a span's folder, or file."""
        parts = PurePosixPath(self.text).parts
        last = max(place for place, part in enumerate(parts) if _BRACES.search(part))
        return parts[: last + 1]

    @cached_property
    def tail(self) -> str:
        """The glob below a span's folder; empty where the last component tells the span."""
        return "/".join(PurePosixPath(self.text).parts[len(self.head) :])

    @cached_property
    def names(self) -> tuple[re.Pattern[str] | str, ...]:
        """The head, each component as what matches a name, or as the name itself."""
        return tuple(_matcher(part) if re.search(r"[{*?\[]", part) else part for part in self.head)

    def spelled(self, found: dict[str, str]) -> Spelled:
        """What a path's words say.

        Raises:
            ValueError: there is no such day.
        """
        version = int(found.get("VERSION", 0))
        if self.dated:
            number = day_to_span(date(int(found["YYYY"]), int(found["MM"]), int(found["DD"])))
        else:
            number = int(found["SPAN"])
        return Spelled(number, version, tuple(found[word] for word in sorted(found)))


def _matcher(component: str) -> re.Pattern[str]:
    return re.compile("".join(_expressions(component)))


def _expressions(component: str) -> Iterator[str]:
    """Regular expressions of the words, and of the globs between them."""
    parts = _BRACES.split(component)
    for place, part in enumerate(parts):
        if place % 2:
            whole = "(?<![0-9])" if part in _OF_ANY_LENGTH and parts[place - 1].endswith("*") else ""
            yield f"{whole}(?P<{part.partition(':')[0]}>{_digits(part)})"
        elif part:
            yield fnmatch.translate(part).removeprefix("(?s:").rpartition(")")[0]
