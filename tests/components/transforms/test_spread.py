import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from components.transforms import spread
from components.transforms.beam import beam_pipeline, counted
from components.transforms.spread import Spread
from schemas.config import BeamConfig
from schemas.errors import DataError

SEEN = Metrics.counter("tests", "seen")


class Work(beam.DoFn):
    """Yields each element and its square, under a tag where it is even; the first takes longest."""

    def __init__(self) -> None:
        self._before: list[int] = []

    def process(self, element: int) -> Iterator[Any]:
        if element < 0:
            raise DataError(f"`{element}` must be positive.")
        if element == 99:
            os.kill(os.getpid(), signal.SIGKILL)
        if element == 0:
            time.sleep(0.3)
            logging.getLogger("trainworks.Work").warning("it is zero")
        SEEN.inc(2)
        self._before.append(element)
        yield element, os.getpid(), list(self._before)
        if element % 2 == 0:
            yield beam.pvalue.TaggedOutput("even", element * element)


class Kept(beam.DoFn):
    def __init__(self, name: str) -> None:
        self._name = name

    def process(self, element: Any) -> None:
        KEPT[self._name].append(element)


KEPT: dict[str, list[Any]] = {"main": [], "even": []}


def with_pool(size: int, elements: list[int]) -> dict[str, Any]:
    """What comes of elements in a process that has a pool, and what it logged."""
    process = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import main; main()", json.dumps([size, elements])],
        capture_output=True,
        text=True,
        check=False,
    )
    said = json.loads(process.stdout.splitlines()[-1])
    return {**said, "log": process.stderr}


def main() -> None:
    size, elements = json.loads(sys.argv[1])
    spread.start_pool(size)
    pipeline = beam_pipeline(BeamConfig())
    outputs = pipeline | beam.Create(elements, reshuffle=False) | Spread(Work(), "even", main="main")
    for name in KEPT:
        outputs[name] | f"Keep {name}" >> beam.ParDo(Kept(name))
    said: dict[str, Any] = {}
    try:
        pipeline.result = pipeline.run()
        said = {**KEPT, "own": os.getpid(), "counted": counted(pipeline, SEEN)}
    except Exception as error:
        said = {"error": type(error).__name__, "message": str(error)}
    spread.end_pool()
    print(json.dumps(said))  # noqa: T201


def test_spread_gives_results_in_the_order_of_the_elements() -> None:
    said = with_pool(3, [0, 1, 2, 3, 4, 5])

    assert [element for element, _, _ in said["main"]] == [0, 1, 2, 3, 4, 5]
    assert said["even"] == [0, 4, 16]
    processes = {process for _, process, _ in said["main"]}
    assert len(processes) == 3
    assert said["own"] not in processes
    assert said["counted"] == 12
    assert "it is zero" in said["log"]


def test_spread_keeps_a_dofn_for_all_elements_of_a_process() -> None:
    said = with_pool(1, [1, 2, 3])

    assert [before for _, _, before in said["main"]] == [[1], [1, 2], [1, 2, 3]]


def test_spread_raises_what_a_process_raised() -> None:
    said = with_pool(2, [1, -3, 5])

    assert "`-3` must be positive." in said["message"]
    assert said["error"] == "DataError"
    assert "Work failed\nTraceback" in said["log"]
    assert "raise DataError" in said["log"]


def test_spread_names_the_setting_when_a_process_is_killed() -> None:
    said = with_pool(2, [1, 99])

    assert "was killed; the machine may have run out of memory" in said["message"]
    assert "`beam.workers`" in said["message"]
