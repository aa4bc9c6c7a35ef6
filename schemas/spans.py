"""Spans by number and version, and how they are told to people and to lineage.

An Examples artifact has the newest span's number and version as the properties `span` and `version`, as in TFX, and two
of our own: `spans`, all of them as JSON, number to version, and `span_unit`, `number` or `day`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from schemas.span_pattern import span_to_day

if TYPE_CHECKING:
    from schemas.artifacts import Property

_DAY: Final = "day"
_SPANS, _UNIT = "spans", "span_unit"
PROPERTIES: Final = (_SPANS, _UNIT)
"""Properties that tell all spans."""


@dataclass(frozen=True, order=True)
class Span:
    """One version of one span.

    Args:
        number: its number, or the days since 1970-01-01 of its day.
        version: 0 where the patterns have no `{VERSION}`.
        dated: whether it stands for a day.
    """

    number: int
    version: int = 0
    dated: bool = False

    @property
    def name(self) -> str:
        """The number, or the day."""
        return _name(self.number, dated=self.dated)

    def __str__(self) -> str:
        return f"{self.name} version {self.version}" if self.version else self.name


def _name(number: int, *, dated: bool) -> str:
    return span_to_day(number).isoformat() if dated else str(number)


def told(spans: Iterable[Span]) -> str:
    """One line on spans: `1-6, 8`, or `2026-11-01 to 2026-11-06 version 1, 2026-11-08 version 2`."""
    runs: list[list[Span]] = []
    for span in sorted(spans):
        last = runs[-1][-1] if runs else None
        if last and (last.number + 1, last.version) == (span.number, span.version):
            runs[-1].append(span)
        else:
            runs.append([span])
    return ", ".join(_range(run[0], run[-1]) for run in runs)


def _range(first: Span, last: Span) -> str:
    if first == last:
        return str(first)
    return f"{first.name} to {last}" if first.dated else f"{first.name}-{last}"


def as_json(spans: Iterable[Span]) -> list[dict[str, int | str]]:
    """Spans as `--json` has them."""
    return [{"span": span.number, "version": span.version, "name": span.name} for span in sorted(spans)]


def properties_of(spans: Iterable[Span]) -> dict[str, "Property"]:
    """What lineage says of examples that hold these spans; span and version 0 where there are none, as in TFX."""
    ordered = sorted(spans)
    if not ordered:
        return {"span": 0, "version": 0}
    return {
        "span": ordered[-1].number,
        "version": ordered[-1].version,
        _SPANS: json.dumps({str(span.number): span.version for span in ordered}),
        _UNIT: _DAY if ordered[-1].dated else "number",
    }


def spans_in(properties: Mapping[str, "Property"]) -> tuple[Span, ...]:
    """The spans that examples hold, by what lineage says of them, oldest first; empty where they come of no spans."""
    noted = json.loads(str(properties.get(_SPANS, "{}")))
    dated = properties.get(_UNIT) == _DAY
    return tuple(Span(int(number), int(version), dated) for number, version in noted.items())
