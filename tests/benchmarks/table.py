"""Rows of the benchmark table, and the table as Markdown and JSON."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True)
class Row:
    """One measurement held against its limit.

    Args:
        what: the measurement, in a few words.
        ours: what Trainworks reached, in `unit`.
        unit: `s`, `GB`, `%`, `docs/s`, `ms`, ...
        rival: what the other side reached in the same run, where there is one.
        limit: the bound, None for a row that only informs.
        bound: whether the limit holds for `ours` or for `ours / rival`, from above or below.
    """

    what: str
    ours: float
    unit: str
    rival: float | None = None
    limit: float | None = None
    bound: Literal["ours at most", "ours at least", "ratio at most", "ratio at least"] = "ratio at most"

    @property
    def ratio(self) -> float | None:
        return None if not self.rival else self.ours / self.rival

    @property
    def passed(self) -> bool | None:
        """None when there is no limit."""
        if self.limit is None:
            return None
        value = self.ours if self.bound.startswith("ours") else self.ratio
        assert value is not None, "a bound on a ratio needs a rival"
        return value <= self.limit if self.bound.endswith("most") else value >= self.limit

    def cells(self) -> list[str]:
        """The row as text: what, ours, rival, ratio, limit, verdict."""
        limit = "" if self.limit is None else f"{self.bound.split(' ', 1)[1]} {self._limit()}"
        verdict = {None: "", True: "reached", False: "**missed**"}[self.passed]
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return [self.what, self._amount(self.ours), self._amount(self.rival), ratio, limit, verdict]

    def _limit(self) -> str:
        if self.bound.startswith("ours"):
            return self._amount(self.limit)
        return f"{self.limit:g} x"

    def _amount(self, value: float | None) -> str:
        if value is None:
            return ""
        digits = 0 if value >= 1000 else 1 if value >= 20 else 2
        return f"{value:,.{digits}f} {self.unit}"


HEADER = ["what", "ours", "the other side", "ratio", "limit", "verdict"]


def markdown(rows: Iterable[Row]) -> str:
    """The table in Markdown, columns aligned so that it also reads well in a terminal."""
    cells = [HEADER, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADER))]
    lines = [_line(line, widths, str.ljust) for line in cells]
    return "\n".join([lines[0], _line(["-" * width for width in widths], widths, str.ljust), *lines[1:]]) + "\n"


def to_json(rows: Iterable[Row], facts: dict[str, str]) -> str:
    """Everything measured, with the facts of the machine, for programs."""
    measured = [{**asdict(row), "ratio": row.ratio, "passed": row.passed} for row in rows]
    return json.dumps({"machine": facts, "rows": measured}, indent=2) + "\n"


def _line(cells: list[str], widths: list[int], pad: Callable[[str, int], str]) -> str:
    return "| " + " | ".join(pad(cell, width) for cell, width in zip(cells, widths, strict=True)) + " |"
