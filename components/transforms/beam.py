"""Making Beam pipelines as the pipeline file says, and taking small results out of them."""

from pathlib import Path

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from schemas.config import BeamConfig

_RUNNERS = {
    "flink": "FlinkRunner",
    "spark": "SparkRunner",
    "dataflow": "DataflowRunner",
    "portable": "PortableRunner",
}


def beam_pipeline(config: BeamConfig) -> beam.Pipeline:
    """A pipeline to use in a `with` statement.

    `direct` is Beam's in-process runner, by its own name: the plain DirectRunner first tries to download Prism.
    """
    options = PipelineOptions(flags=list(config.options))
    runner = FnApiRunner() if config.runner == "direct" else _RUNNERS[config.runner]
    return beam.Pipeline(runner=runner, options=options)


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
