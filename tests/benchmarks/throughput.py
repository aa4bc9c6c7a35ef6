"""ExampleGen to Transform over many documents, against a loop that only reads, splits words and writes TFRecords."""

import csv
import random
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.measure import Sample, Samples, interleaved, run
from tests.benchmarks.table import Row

DOCUMENTS, FEWER = 225_000, 22_500
STORIES = (1, 2, 2, 3, 4)
"""Stories a document: R8's have 600 bytes; joined, the mean is that of 20 newsgroups, 1,470 bytes."""


def measure(bench: Bench) -> Iterator[Row]:
    """At least 60 % of the loop's documents a second, and memory that does not grow with the data."""
    many, few = (DOCUMENTS, FEWER) if not bench.quick else (4_000, 2_000)
    ours, rival = interleaved(bench.runs(3), lambda: _ours(bench, many), lambda: _loop(bench, many))
    yield Row(
        f"ExampleGen to Transform, {many:,} documents, whole process",
        many / ours.seconds,
        "docs/s",
        many / rival.seconds,
        limit=0.6,
        bound="ratio at least",
    )
    yield Row("... without the processes' start", many / _steps(ours), "docs/s", many / _loop_alone(rival))
    smaller = Samples([_ours(bench, few)])
    yield Row(
        f"... peak memory against {few:,} documents",
        ours.peak_bytes / 1e9,
        "GB",
        smaller.peak_bytes / 1e9,
        limit=1.2,
    )


def _ours(bench: Bench, documents: int) -> Sample:
    source = _documents(bench, documents)
    file = bench.pipeline(
        "throughput",
        {"family": "lstm"},
        data={"format": "csv", "splits": {"train": str(source)}, "features": {"text": "text"}, "label": "label"},
        # every rule is computed; a text set that is repeated breaks some by its nature, and must not end the run
        validation={rule: {"severity": "warning"} for rule in ("leakage", "conflicting_labels", "duplicates")},
    )
    return bench.first_run(file, "--to", "Transform")


def _loop(bench: Bench, documents: int) -> Sample:
    target = bench.fresh("plain-loop") / "words.tfrecord"
    return run([sys.executable, "-m", "tests.benchmarks.plain_loop", _documents(bench, documents), target])


def _steps(samples: Samples) -> float:
    """Median seconds from ExampleGen's start to Transform's end."""
    totals = sorted(sum(step["seconds"] for step in sample.result["components"]) for sample in samples.samples)
    return totals[len(totals) // 2]


def _loop_alone(samples: Samples) -> float:
    seconds = sorted(sample.result["seconds"] for sample in samples.samples)
    return seconds[len(seconds) // 2]


def _documents(bench: Bench, documents: int) -> Path:
    """A csv file of so many documents, written once: see `joined`."""
    path = bench.work / f"documents-{documents}.csv"
    if not path.exists():
        unfinished = path.with_suffix(".part")
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["text", "label"])
            writer.writerows(islice(joined(bench.csv("train")), documents))
        unfinished.rename(path)
    return path.resolve()


def joined(source: Path) -> Iterator[tuple[str, str]]:
    """Endless documents, each of whole stories that stand under one label."""
    with source.open(encoding="utf-8", newline="") as file:
        stories = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    by_label: dict[str, list[str]] = {}
    for text, label in stories:
        by_label.setdefault(label, []).append(text)
    chance = random.Random(1)
    while True:
        _, label = chance.choice(stories)
        yield " ".join(chance.choices(by_label[label], k=chance.choice(STORIES))), label
