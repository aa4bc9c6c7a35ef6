"""Spans on disk, with the times that tests give them."""

import os
from pathlib import Path
from typing import Any

from components.span_splits import data_of_spans
from components.spans import find_spans, settled_spans
from schemas.config import DataConfig

NOW = 1_800_000_000.0
LONG_AGO = NOW - 10_000


def put(path: Path, content: str = "label,text\na,b\n", *, changed: float = LONG_AGO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (changed, changed))
    return path


def config(
    pattern: str = "data/span-{SPAN}/*.csv", *, format: str = "csv", splits: Any = None, **spans: Any
) -> DataConfig:
    given = {"splits": splits or {"train": pattern}, "spans": spans, "format": format}
    return DataConfig.model_validate({**given, "features": {"text": "text"}, "label": "label"})


def numbers(data: DataConfig, base: Path) -> list[int]:
    return [span.number for span in settled_spans(data, base, NOW)]


def write_six(base: Path) -> Path:
    """Spans 1 to 6 but 4, which is not there."""
    for number in (1, 2, 3, 5, 6):
        put(base / "data" / f"span-{number}" / "rows.csv")
    return base


def concrete(data: DataConfig, base: Path) -> dict[str, Any]:
    """The files that each split reads."""
    return dict(data_of_spans(data, find_spans(data, base, NOW), base).splits)
