"""Ten nights of a window that grows by a span: what ExampleGen to Transform cost on the tenth, against the second."""

import csv
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.measure import Sample, Samples
from tests.benchmarks.table import Row
from tests.benchmarks.throughput import joined

NIGHTS = 10
TEXTS = 20_000
"""Texts a span, some 28 MB."""


def measure(bench: Bench) -> Iterator[Row]:
    """At most 1.5 times the time and the processor time, whole processes, with nothing else changed."""
    texts = TEXTS if not bench.quick else 1_000
    runs = [_ten_nights(bench, texts) for _ in range(bench.runs(3))]
    early, late = (Samples([nights[night] for nights in runs]) for night in (1, NIGHTS - 1))
    what = f"night {NIGHTS} of {texts:,} texts each, ExampleGen to Transform"
    yield Row(f"{what}, against night 2", late.seconds, "s", early.seconds, limit=1.5)
    yield Row("... processor time", late.cpu_seconds, "s", early.cpu_seconds, limit=1.5)
    yield Row("... peak memory", late.peak_bytes / 1e9, "GB", early.peak_bytes / 1e9, limit=1.5)


def _ten_nights(bench: Bench, texts: int) -> list[Sample]:
    """One run a night, in a workspace of its own; in the first there is one span."""
    spans = _spans(bench, texts)
    file = bench.pipeline(
        "nights",
        {"family": "lstm"},
        data={
            "format": "csv",
            "splits": {"train": "data/span-{SPAN}/*.csv"},
            "spans": {"settle_seconds": 0},
            "features": {"text": "text"},
            "label": "label",
        },
        # every rule is computed; a text set that is repeated breaks some by its nature, and must not end the run
        validation={rule: {"severity": "warning"} for rule in ("leakage", "conflicting_labels", "duplicates")},
    )
    nights = []
    for span in spans:
        shutil.copytree(span, file.parent / "data" / span.name)
        nights.append(bench.trainworks_run(file, "--to", "Transform"))
    return nights


def _spans(bench: Bench, texts: int) -> list[Path]:
    """Folders `span-N` of a csv file each, written once."""
    folder = bench.work / f"spans-of-{texts}"
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        documents = joined(bench.csv("train"))
        for number in range(1, NIGHTS + 1):
            path = unfinished / f"span-{number}" / "texts.csv"
            path.parent.mkdir(parents=True)
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(["text", "label"])
                writer.writerows(islice(documents, texts))
        unfinished.rename(folder)
    return [folder / f"span-{number}" for number in range(1, NIGHTS + 1)]
