"""What pretraining is worth: R8's training texts without their labels first, then a tenth of the labels.

The same network, with the same tenth, starts at random beside it. Seeds are those of fine-tuning; the encoder is one.
"""

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from scipy import stats

from tests.benchmarks.bench import Bench
from tests.benchmarks.table import Row

_NETWORK: Final = {"family": "transformer", "sequence_length": 48}
_ENCODER: Final = {"width": 32, "layers": 2, "heads": 2, "vocabulary_size": 3000}
_TRAINING: Final = {"epochs": 15, "learning_rate": 0.002}
"""As in the recipe `reuters-r8-pretraining`."""

_TENTH: Final = {"eval": 0.1, "unlabelled": 0.8, "from": "train", "by": "hash"}
_SEEDS: Final = 5
_CONFIDENCE: Final = 0.95


def measure(bench: Bench) -> Iterator[Row]:
    """Medians, and the paired differences of accuracy with their interval (Student's t)."""
    pushed, perplexity = _pretrained(bench)
    yield Row("transformer, hidden words of R8's test texts, perplexity", perplexity, "")
    seeds = range(1, 1 + max(2, bench.runs(_SEEDS)))
    alone = _accuracies(bench, "pretraining-none", {**_NETWORK, **_ENCODER}, seeds)
    started = _accuracies(bench, "pretraining-tuned", {**_NETWORK, "weights": str(pushed)}, seeds)
    yield Row(
        "... R8 test accuracy with a tenth of the labels", statistics.median(started), "%", statistics.median(alone)
    )
    gains = [ours - theirs for ours, theirs in zip(started, alone, strict=True)]
    low, high = stats.t.interval(_CONFIDENCE, len(gains) - 1, statistics.mean(gains), stats.sem(gains))
    what = f"... gain of {len(gains)} seeds ({low:.2f} to {high:.2f}), lower end of the interval"
    yield Row(what, float(low), "%", limit=0.0, bound="ours at least")


def _pretrained(bench: Bench) -> tuple[Path, float]:
    """The folder of the encoder, and the perplexity of words in texts that it has not seen."""
    training = {**_TRAINING, "epochs": 2} if bench.quick else _TRAINING
    any_number = {"require": [{"metric": "perplexity", "at_least": 0.0}]}
    sections = {"task": "pretraining", "evaluation": any_number}
    file = bench.pipeline("pretraining", {**_NETWORK, **_ENCODER}, training=training, **sections)
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    del content["data"]["label"]
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    result = bench.first_run(file).result
    return Path(result["pushed_path"]), float(result["metrics"]["perplexity"])


def _accuracies(bench: Bench, name: str, model: dict[str, Any], seeds: Sequence[int]) -> list[float]:
    """Test accuracy in percent of each seed."""
    file = bench.pipeline(name, model, training={"epochs": 2} if bench.quick else {})
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    content["data"]["holdout"] = _TENTH
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    found = [bench.trainworks_run(file, "--set", f"training.seed={seed}").result for seed in seeds]
    return [100 * result["metrics"]["accuracy"] for result in found]
