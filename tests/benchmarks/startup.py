"""What a user waits for when nothing has to be done: a cached run, and the help."""

from collections.abc import Iterator

from tests.benchmarks.bench import LIKE_FOR_LIKE, TRAINWORKS, Bench
from tests.benchmarks.like_for_like import TRAINING
from tests.benchmarks.measure import Samples, run
from tests.benchmarks.table import Row

CACHED_SECONDS, HELP_SECONDS = 1.0, 0.3


def measure(bench: Bench) -> Iterator[Row]:
    """Medians of seven whole processes."""
    file = bench.pipeline("startup", LIKE_FOR_LIKE, training=TRAINING)
    first = bench.first_run(file)
    again = Samples([bench.trainworks_run(file) for _ in range(7)])
    executed = {step["name"] for sample in again.samples for step in sample.result["components"] if _worked(step)}
    assert not executed, f"not cached: {', '.join(sorted(executed))}"
    yield Row(
        "the same again, all cached", again.seconds, "s", first.seconds, limit=CACHED_SECONDS, bound="ours at most"
    )
    asked = Samples([run([TRAINWORKS, "--help"]) for _ in range(7)])
    yield Row("trainworks --help", asked.seconds, "s", limit=HELP_SECONDS, bound="ours at most")


def _worked(step: dict[str, str]) -> bool:
    return step["status"] != "cached"
