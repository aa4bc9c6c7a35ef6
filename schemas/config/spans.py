"""Section `data.spans`: which spans of the data a run reads, and when a span counts as complete."""

from datetime import date
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from schemas.config.section import Section
from schemas.span_pattern import day_to_span


def _as_day(given: object) -> object:
    if not isinstance(given, str):
        return given
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise ValueError(f"a span is a number, or a day such as 2026-11-25. Received: {given}") from None


SpanPoint = Annotated[int | date, BeforeValidator(_as_day)]
"""A span: its number, or its day where the patterns hold a date."""

_SETTLE_SECONDS = 60.0


class SpansConfig(Section):
    """Which spans a run reads. `spans: <pattern>` alone is short for `splits: {train: <pattern>}`.

    TFX takes the newest span unless it is given a range, and leaves excluded ones out after it has counted; here a run
    reads all spans unless told otherwise, and a window is of spans that are read. As in TFX, of a span's versions only
    the newest counts, and spans that are not there are not counted.
    """

    window: int | None = Field(default=None, ge=1)
    """Read the newest N spans (TFX's rolling range); 1 for the newest alone. Unless given, all."""

    range: tuple[SpanPoint, SpanPoint] | None = None
    """Read the spans from the first to the second, both included (TFX's static range): numbers, or days."""

    exclude: tuple[SpanPoint, ...] = ()
    """Spans that are never read: numbers, or days."""

    settle_seconds: float | None = Field(default=None, ge=0)
    """A span is left for the next run until none of its files has changed for so long, by their times of modification.
    Files that are copied with their times look old at once: for such spans give a `marker`. Unless given, 60, or 0
    where there is one."""

    marker: str | None = Field(default=None, pattern=r"^[^/]+$")
    """A file, such as `_SUCCESS`, that is written into a span's folder last; without it the span is left for the next
    run. The folder is what the last of `{SPAN}`, `{VERSION}` or the date names."""

    newest_only: tuple[str, ...] = ()
    """Splits that are read from the newest span alone, such as `test`. What they read there, no other split does: with
    one pattern for `train` and `test`, the model learns from the earlier spans and is judged on the newest."""

    @field_validator("newest_only", mode="before")
    @classmethod
    def _one_is_a_list(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str) else given

    @model_validator(mode="after")
    def _range_is_one(self) -> Self:
        if self.range is None:
            return self
        if self.window is not None:
            raise ValueError("`window` and `range` both say which spans are read. Give one of them")
        first, last = self.range
        if type(first) is not type(last) or self.number(first) > self.number(last):
            raise ValueError(f"`range` must be [first, last]. Received: [{first}, {last}]")
        return self

    @staticmethod
    def number(point: int | date) -> int:
        """A span's number."""
        return day_to_span(point) if isinstance(point, date) else point

    @property
    def points(self) -> tuple[SpanPoint, ...]:
        """All spans that are named."""
        return (*(self.range or ()), *self.exclude)

    @property
    def settles_after(self) -> float:
        """Seconds without a change after which a span is read."""
        if self.settle_seconds is not None:
            return self.settle_seconds
        return 0.0 if self.marker else _SETTLE_SECONDS

    def wants(self, number: int) -> bool:
        """Whether a span may be read at all."""
        if number in map(self.number, self.exclude):
            return False
        return self.range is None or self.number(self.range[0]) <= number <= self.number(self.range[1])
