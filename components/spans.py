"""Which spans a run reads, and their files: found without TensorFlow or Beam.

A span that is still being written is left for the next run. What is decided here is decided once a run, so that a span
which comes while the run reads changes nothing about it.
"""

from dataclasses import dataclass
from pathlib import Path

from components.span_files import SpanFiles, newest_first
from schemas.config import DataConfig
from schemas.errors import DataError
from schemas.spans import Span

_NAMED = 3
"""Spans that a line names before it counts the rest."""


@dataclass(frozen=True)
class FoundSpans:
    """The spans of a run.

    Args:
        read: those that are read, oldest first; none of them is empty.
        empty: those that would be read, were anything in them.
        waiting: those that are left for the next run.
    """

    read: tuple[SpanFiles, ...] = ()
    empty: tuple[SpanFiles, ...] = ()
    waiting: tuple[SpanFiles, ...] = ()

    @property
    def spans(self) -> tuple[Span, ...]:
        return tuple(found.span for found in self.read)

    @property
    def empty_places(self) -> tuple[str, ...]:
        """Folders, or files, of the empty spans: that they are there is part of what was found."""
        places = (place for one in self.empty for some in one.places.values() for place in some)
        return tuple(dict.fromkeys(places))

    def left_for_later(self) -> str:
        """One line on the spans that wait; empty where none does."""
        if not self.waiting:
            return ""
        newest = self.waiting[: -_NAMED - 1 : -1]
        named = "; ".join(f"{found.span} ({found.waiting})" for found in newest)
        more = f"; and {len(self.waiting) - _NAMED} more" if len(self.waiting) > _NAMED else ""
        return f"left for the next run, still being written: span {named}{more}"


def settled_spans(data: DataConfig, base: Path, now: float | None = None) -> tuple[Span, ...]:
    """The spans that a run would read, oldest first; empty where the data has none.

    Looks at no more spans than it must: of a window, at the newest, so that it may be asked often.
    """
    return find_spans(data, base, now).spans


def find_spans(data: DataConfig, base: Path, now: float | None = None) -> FoundSpans:
    """The spans of a run that would start now.

    Args:
        now: seconds since the epoch; the present time unless given.

    Raises:
        DataError: as `newest_first` does.
    """
    read: list[SpanFiles] = []
    empty: list[SpanFiles] = []
    waiting: list[SpanFiles] = []
    for found in newest_first(data, base, now) if data.spans else ():
        (waiting if found.waiting else empty if found.empty else read).append(found)
        if data.spans and len(read) == data.spans.window:
            break
    return FoundSpans(tuple(reversed(read)), tuple(reversed(empty)), tuple(reversed(waiting)))


def vanished(found: FoundSpans, base: Path) -> DataError | None:
    """What is to be said where files that are to be read are no longer there."""
    for one in found.read:
        gone = [path for path in one.paths if not (base / path).exists()]
        if gone:
            return DataError(
                f"Span {one.span} vanished while it was read: `{gone[0]}` is gone. Put it back, or run again to go on"
                f" without it."
            )
    return None
