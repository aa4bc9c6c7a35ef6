"""Making Beam pipelines as the pipeline file says, watching them, and taking small results out of them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics.metric import Metrics, MetricsFilter
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from components.component import Progress
from components.transforms.beam_options import beam_options
from schemas.config import BeamConfig

_LOOK_SECONDS = 0.5

_RUNNERS = {
    "flink": "FlinkRunner",
    "spark": "SparkRunner",
    "dataflow": "DataflowRunner",
    "portable": "PortableRunner",
}


def beam_pipeline(config: BeamConfig) -> beam.Pipeline:
    """A pipeline to use in a `with` statement.

    `direct` is Beam's in-process runner, by its own name: the plain DirectRunner first tries to download Prism.

    Raises:
        ConfigError: Beam does not take one of the options.
    """
    options = beam_options(config)
    runner = FnApiRunner() if config.runner == "direct" else _RUNNERS[config.runner]
    return beam.Pipeline(runner=runner, options=options)


def counted(pipeline: beam.Pipeline, counter: Metrics.DelegatingCounter) -> int:
    """What a counter has come to in a pipeline that has run, wherever its workers were."""
    name = counter.metric_name
    query = MetricsFilter().with_namespace(name.namespace).with_name(name.name)
    return sum(found.result for found in pipeline.result.metrics().query(query)["counters"])


@contextmanager
def watched(bar: Progress, folder: Path, total: int) -> Iterator[None]:
    """Moves the bar, one step a MiB, while a pipeline writes below `folder`, wherever its workers are.

    Args:
        bar: a bar over `total` MiB.
        folder: where the pipeline writes.
        total: MiB that are expected; the bar stops there.
    """
    done = threading.Event()

    def look() -> None:
        shown = 0
        while not done.wait(_LOOK_SECONDS):
            written = min(_bytes_below(folder) >> 20, total)
            if written > shown:
                bar.advance(written - shown)
                shown = written

    thread = threading.Thread(target=look, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _bytes_below(folder: Path) -> int:
    """Bytes of the files below; one that is renamed at that moment counts at the next look."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size
    return total


class WriteBytes(beam.PTransform):
    """Writes the collection's single element, bytes, to a file: how a small result leaves a pipeline on any runner."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = str(path)

    def expand(self, pcoll: beam.PCollection) -> beam.PCollection:
        return pcoll | beam.Map(_write, self._path)


def _write(content: bytes, path: str) -> None:
    with FileSystems.create(path, compression_type="uncompressed") as file:
        file.write(content)
