"""A step whose work may be spread over processes; it says where it ran."""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam

from components.component import Component, Context, Output, Volume
from components.transforms.beam import beam_pipeline
from components.transforms.spread import Spread, has_pool
from pipeline.pipeline import Pipeline
from schemas.artifacts import Examples
from schemas.config import BeamConfig
from schemas.errors import DataError


class Work(beam.DoFn):
    """Writes down its process, and which its parent is; then may fail, or go on for long."""

    def __init__(self, folder: Path, then: str) -> None:
        self._folder, self._then = str(folder), then

    def process(self, number: int) -> Iterator[int]:
        Path(self._folder, f"{number}.json").write_text(json.dumps([os.getpid(), os.getppid()]))
        if self._then == "fail":
            raise DataError(f"part {number} must be better.")
        if self._then == "wait":
            time.sleep(60)
        yield number * number


class Write(beam.DoFn):
    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def process(self, squares: list[int]) -> Any:
        Path(self._path).write_text(json.dumps(squares))


class SpreadGen(Component):
    """Squares of numbers; `pids` is a folder outside of the pipeline."""

    pids: str
    then: str = ""
    examples: Output[Examples]

    def external_inputs(self, base: Path) -> list[Path]:
        return [base / "rows.txt"]

    def volume(self, base: Path) -> Volume:
        return Volume((base / "rows.txt").stat().st_size, 3)

    def run(self, context: Context) -> None:
        folder = context.base / self.pids
        folder.mkdir(exist_ok=True)
        (folder / "run.json").write_text(json.dumps([os.getpid(), os.getppid(), has_pool()]))
        with context.progress("squares", 3) as bar, beam_pipeline(context.beam) as pipeline:
            squares = pipeline | beam.Create(range(3), reshuffle=False) | Spread(Work(folder, self.then))
            _ = squares | beam.combiners.ToList() | beam.ParDo(Write(self.examples.uri / "squares.json"))
            bar.advance(3)
        context.logger.warning("digest %s", context.digest(context.base / "rows.txt"))
        with contextlib.suppress(OSError):
            context.digest(context.base / "none.txt")
        self.examples.properties["span"] = 7


def spread_pipeline(base: Path, *, workers: int | None, then: str = "") -> Pipeline:
    return Pipeline("spread", [SpreadGen(pids="pids", then=then)], base=base, beam=BeamConfig(workers=workers))
