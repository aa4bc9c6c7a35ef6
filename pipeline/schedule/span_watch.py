"""New spans of the data: each starts a run once, when it is complete."""

import logging
from collections.abc import Sequence
from pathlib import Path

from components.spans import settled_spans
from pipeline.schedule.clock import Clock
from pipeline.schedule.triggers import Due
from schemas.config import PipelineConfig
from schemas.errors import DataError
from schemas.period import seconds_of
from schemas.spans import Span

_log = logging.getLogger(__name__)


class SpanWatch:
    """Looks for spans again and again, as often as the schedule says.

    Args:
        base: the folder that relative paths start from.
    """

    def __init__(self, base: Path, clock: Clock) -> None:
        self._base, self._clock = base, clock
        self._known: set[Span] = set()
        self._again = 0.0
        self._trouble = ""

    def look(self, config: PipelineConfig) -> list[Due]:
        """A start for each span that was not there at the last look."""
        schedule, now = config.schedule, self._clock.monotonic()
        if schedule is None or not schedule.on_new_span or now < self._again:
            return []
        self._again = now + seconds_of(schedule.poll)
        new = [span for span in self._found(config) if span not in self._known]
        self._known.update(new)
        return [self._due(span) for span in new]

    def _found(self, config: PipelineConfig) -> Sequence[Span]:
        try:
            found = settled_spans(config.data, self._base, self._clock.wall())
        except (DataError, OSError) as error:
            if str(error) != self._trouble:
                _log.warning("%s: new spans cannot be looked for: %s", config.name, error)
            self._trouble = str(error)
            return ()
        self._trouble = ""
        return found

    def _due(self, span: Span) -> Due:
        return Due("span", f"{span.number}/{span.version}", self._clock.now(), f"span {span}", passes=False)
