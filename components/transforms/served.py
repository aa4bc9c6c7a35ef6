"""From request logs to statistics of what each version was asked and answered, and to how many answers were right."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import apache_beam as beam

from components.transforms.beam import WriteBytes, beam_pipeline
from components.transforms.ingest import Unit
from components.transforms.label_join import JOINED, Joined, JoinLabels, LabelJob
from components.transforms.readers import Source
from components.transforms.request_logs import COUNTS, LogCounts, LogJob, ReadLog
from components.transforms.shards import commit_shards
from components.transforms.statistics.observe import Columns
from components.transforms.statistics.splits import IMAGES_PER_BATCH, SplitFiles, WriteStatistics, partitions_for
from components.transforms.tfrecords import batch_size_for
from components.validation.served import LABEL, SCORE
from schemas.artifacts import Examples, ExampleStatistics
from schemas.config import BeamConfig
from schemas.statistics import SplitView, load_statistics


@dataclass(frozen=True)
class LabelFiles:
    """Files of labels, and how they are read."""

    units: Sequence[Unit]
    job: LabelJob


@dataclass(frozen=True)
class Served:
    """What was found in logs.

    Args:
        counts: what was met.
        joined: what labels say of answers; None where there are none.
    """

    counts: LogCounts
    joined: Joined | None


def read_logs(logs: Sequence[Source], job: LogJob, labels: LabelFiles | None, config: BeamConfig) -> Served:
    """Reads logs, once, and joins labels to them; the examples are then in the job's folder."""
    folder = Path(job.folder)
    met, joined = folder / ".met.json", folder / ".joined.json"
    with beam_pipeline(config) as pipeline:
        read = (
            pipeline
            | "Logs" >> beam.Create(list(enumerate(logs)), reshuffle=False)
            | "Spread" >> beam.Reshuffle()
            | "Read" >> beam.ParDo(ReadLog(job)).with_outputs(ReadLog.ANSWERS, main="met")
        )
        met_once = read["met"] | "Merge" >> beam.CombineGlobally(_merged)
        _ = met_once | "To JSON" >> beam.Map(COUNTS.dump_json) | "Report" >> WriteBytes(met)
        if labels is not None:
            once = read[ReadLog.ANSWERS] | "Join" >> JoinLabels(labels.units, labels.job)
            _ = once | "Joined to JSON" >> beam.Map(JOINED.dump_json) | "Report joined" >> WriteBytes(joined)
    counts = COUNTS.validate_json(met.read_bytes())
    commit_shards(folder, counts.shards)
    return Served(counts, None if labels is None else JOINED.validate_json(joined.read_bytes()))


def measure(served: Served, job: LogJob, *, out: Path, config: BeamConfig) -> dict[int, SplitView]:
    """Statistics of each version's requests and answers, as StatisticsGen computes them.

    Args:
        served: what `read_logs` found.
        job: by which it did.
        out: gets `Split-<version>/FeatureStats.pb`.
        config: the Beam runner.
    """
    examples, statistics = Examples(Path(job.folder)), ExampleStatistics(out)
    versions = sorted(served.counts.measured)
    if not versions:
        return {}
    inputs = tuple(name for name in dict.fromkeys(job.features.values()) if job.columns.get(name) == "BYTES")
    label = SCORE if job.task == "regression" else LABEL
    columns = Columns(job.types, label, () if job.pictures else inputs, inputs if job.pictures else ())
    splits = []
    for version in map(str, versions):
        output = statistics.split_path(version) / "FeatureStats.pb"
        output.parent.mkdir(parents=True, exist_ok=True)
        splits.append(SplitFiles(version, tuple(examples.shards(version)), output))
    rows = served.counts.measured.total()
    shards = [shard for split in splits for shard in split.shards]
    batch_size = batch_size_for(shards, rows, IMAGES_PER_BATCH) if job.pictures else None
    with beam_pipeline(config) as pipeline:
        pipeline | WriteStatistics(splits, columns, partitions_for(rows), batch_size)
    return {version: load_statistics(statistics.split_path(str(version))) for version in versions}


def _merged(parts: "Sequence[LogCounts]") -> LogCounts:
    total = LogCounts()
    for part in parts:
        total = total.merge(part)
    return total
