"""What every measurement works with: a folder, the Reuters R8 sample, pipeline files and the `trainworks` command."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.measure import Sample, run

TRAINWORKS = Path(sys.executable).parent / "trainworks"

LIKE_FOR_LIKE: Mapping[str, Any] = {
    "family": "lstm",
    "vocabulary_size": 10_000,
    "min_count": 1,
    "sequence_length": 200,
    "embedding_dim": 64,
    "units": 64,
    "bidirectional": False,
    "layers": 1,
    "pooling": "last",
    "word_vectors": "random",
    "word_dropout": 0.0,
    "embedding_dropout": 0.0,
    "dropout": 0.0,
}
"""The network of `plain_keras.py`, as a pipeline file says it."""


@dataclass(frozen=True)
class Bench:
    """Where and how thoroughly to measure.

    Args:
        work: folder for everything that is made; kept, so that the sample is fetched once.
        quick: one run instead of several, and smaller data.
        data: a folder with `train.csv` and `test.csv` (columns `text` and `label`) instead of Reuters R8.
    """

    work: Path
    quick: bool = False
    data: Path | None = None

    def runs(self, thorough: int) -> int:
        """How often to repeat a measurement."""
        return 1 if self.quick else thorough

    def csv(self, split: str) -> Path:
        """The csv file of a split of the data set, fetched by `trainworks sample` the first time."""
        if self.data:
            return self.data.resolve() / f"{split}.csv"
        sample = self.work / "sample"
        if not sample.exists():
            run([TRAINWORKS, "sample", "reuters-r8", sample])
        return next(sample.rglob(f"{split}.csv")).resolve()

    def pipeline(
        self, name: str, model: Mapping[str, Any], *, training: Mapping[str, Any] | None = None, **sections: Any
    ) -> Path:
        """Writes a pipeline file over the data set, alone in a folder of its name; `sections` add to it or replace."""
        folder = self.fresh(name)
        content = {
            "name": name,
            "data": {
                "format": "csv",
                "splits": {split: str(self.csv(split)) for split in ("train", "test")},
                "features": {"text": "text"},
                "label": "label",
            },
            "model": dict(model),
            "training": dict(training or {}),
            "push": {"directory": "served"},
            **sections,
        }
        file = folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return file

    def fresh(self, name: str) -> Path:
        """An empty folder."""
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def trainworks_run(self, file: Path, *options: str) -> Sample:
        """`trainworks run` of a pipeline file in the state its workspace is in; `.result` is what `--json` prints."""
        return run([TRAINWORKS, "run", file, "--json", *options])

    def first_run(self, file: Path, *options: str) -> Sample:
        """The same with nothing there yet: no workspace, no frozen schema, no pushed model."""
        for path in file.parent.iterdir():
            if path != file:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return self.trainworks_run(file, *options)
