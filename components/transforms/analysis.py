"""A family's analyzers in Beam: one pass over the training split, from which facts come out.

Accumulators are made shard by shard and merged in the order of the shards, so that those which an earlier run made of
the same shard do as well as new ones.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import apache_beam as beam
import tensorflow as tf
from apache_beam.metrics import Metrics

from components.partials import Partials, key_of, link_or_copy
from components.transforms.archive import ArchiveWriter, is_sound, read_archive
from components.transforms.beam import WriteBytes
from components.transforms.features import RawFeatures
from components.transforms.spread import Spread
from components.transforms.tfrecords import BATCH_SIZE, read_records
from models.analyzer import Analyzer
from models.facts import save_facts

REUSED: Final = Metrics.counter("trainworks", "shards analyzed by an earlier run")

_ANALYZED: Final = "analyzed.zip"

Accumulators = list[Any]  # an accumulator of its own type for each analyzer
Prepared = tuple[Mapping[str, tf.Tensor], ...]


@dataclass(frozen=True)
class TrainingShard:
    """A shard of the training split: its place among them, its file and that file's SHA-256."""

    place: int
    path: str
    digest: str


@dataclass(frozen=True)
class AnalyzedShard:
    """Where the accumulators of a shard are, in an archive of this key."""

    place: int
    path: str
    key: str


@dataclass(frozen=True)
class KeptAnalyses:
    """Where accumulators are kept between runs.

    Args:
        partials: the place.
        settings: a key of all that decides them beside the shard.
    """

    partials: Partials
    settings: str


class Analyze(beam.PTransform):
    """From groups of `TrainingShard`s to a folder of facts. A group is read by one graph, which takes its time to make.

    Args:
        analyzers: the family's.
        features: how examples become raw batches.
        facts: the folder to make.
        kept: where accumulators are kept, if all analyzers can dump theirs.
        batch_size: examples that are prepared together.
    """

    def __init__(
        self,
        analyzers: Sequence[Analyzer[Any]],
        features: RawFeatures,
        facts: Path,
        *,
        kept: KeptAnalyses,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        super().__init__()
        self._analyzers, self._features, self._facts = list(analyzers), features, facts
        self._kept, self._batch_size = kept, batch_size

    def expand(self, shards: beam.PCollection) -> beam.PCollection:
        dumped = all(analyzer.dump(analyzer.create()) is not None for analyzer in self._analyzers)
        facts = self._by_shard(shards) if dumped else self._at_once(shards)
        return facts | "Done" >> WriteBytes(self._facts / ".done")

    def _by_shard(self, shards: beam.PCollection) -> beam.PCollection:
        analyze = AnalyzeShards(
            self._analyzers, self._features, self._facts / ".shards", kept=self._kept, batch_size=self._batch_size
        )
        return (
            shards
            | "Analyze" >> Spread(analyze)
            | "Gather" >> beam.combiners.ToList()
            | "Extract" >> beam.Map(_extract_dumped, self._analyzers, str(self._facts))
        )

    def _at_once(self, shards: beam.PCollection) -> beam.PCollection:
        return (
            shards
            | "Spread" >> beam.Reshuffle()
            | "Prepare" >> beam.FlatMap(_prepared_batches, self._analyzers, self._features, self._batch_size)
            | "Accumulate" >> beam.CombineGlobally(CombineAnalyzers(self._analyzers))
            | "Extract" >> beam.Map(_extract, self._analyzers, str(self._facts))
        )


class AnalyzeShards(beam.DoFn):
    """Analyzes the shards of a group one by one; arguments as for `Analyze`, and `folder`, where accumulators go."""

    def __init__(
        self,
        analyzers: Sequence[Analyzer[Any]],
        features: RawFeatures,
        folder: Path,
        *,
        kept: KeptAnalyses,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        self._analyzers, self._features, self._folder = list(analyzers), features, str(folder)
        self._kept, self._batch_size = kept, batch_size
        self._prepare: Callable[[tf.Tensor], Prepared] | None = None

    def process(self, shards: Sequence[TrainingShard]) -> Iterator[AnalyzedShard]:
        Path(self._folder).mkdir(exist_ok=True)
        for shard in shards:
            key = key_of(settings=self._kept.settings, shard=shard.digest)
            path = Path(self._folder, uuid.uuid4().hex)
            if self._take(key, path):
                REUSED.inc()
            else:
                self._analyze(shard, key, path)
            yield AnalyzedShard(shard.place, str(path), key)

    def _take(self, key: str, path: Path) -> bool:
        """Gives an earlier run's archive another name; whether there was a sound one."""
        entry = self._kept.partials.find(key)
        if entry is None:
            return False
        if is_sound(entry / _ANALYZED, key):
            link_or_copy(entry / _ANALYZED, path)
            return True
        self._kept.partials.discard(key)
        return False

    def _analyze(self, shard: TrainingShard, key: str, path: Path) -> None:
        self._prepare = self._prepare or _traced(self._analyzers, self._features)
        combine = CombineAnalyzers(self._analyzers)
        accumulators = combine.create_accumulator()
        for prepared in _batches([shard.path], self._prepare, self._batch_size):
            accumulators = combine.add_input(accumulators, prepared)
        with ArchiveWriter(path, key) as archive:
            for analyzer, accumulator in zip(self._analyzers, accumulators, strict=True):
                archive.add(None, analyzer.dump(accumulator) or {})
        with self._kept.partials.adding(key) as entry:
            link_or_copy(path, entry / _ANALYZED)


def _traced(analyzers: Sequence[Analyzer[Any]], features: RawFeatures) -> Callable[[tf.Tensor], Prepared]:
    """The graph from serialized examples to what the analyzers take, for any number of data sets."""

    def prepare(records: tf.Tensor) -> Prepared:
        batch = features.parse(records)
        return tuple(dict(analyzer.prepare(batch)) for analyzer in analyzers)

    signature = [tf.TensorSpec((None,), tf.string, "records")]
    return tf.function(prepare, input_signature=signature, autograph=False).get_concrete_function()


def _batches(files: Sequence[str], prepare: Callable[[tf.Tensor], Prepared], batch_size: int) -> Iterator[Prepared]:
    """Batches of some files as the analyzers prepare them; TensorFlow's threads run ahead."""
    dataset = read_records(files).batch(batch_size)
    yield from dataset.map(tf.autograph.experimental.do_not_convert(prepare), num_parallel_calls=2).prefetch(2)


def _prepared_batches(
    shards: Sequence[TrainingShard], analyzers: Sequence[Analyzer[Any]], features: RawFeatures, batch_size: int
) -> Iterator[Prepared]:
    yield from _batches([shard.path for shard in shards], _traced(analyzers, features), batch_size)


class CombineAnalyzers(beam.CombineFn):
    """All analyzers side by side, so that the split is read once."""

    def __init__(self, analyzers: Sequence[Analyzer[Any]]) -> None:
        self._analyzers = list(analyzers)

    def create_accumulator(self) -> Accumulators:
        return [analyzer.create() for analyzer in self._analyzers]

    def add_input(self, accumulator: Accumulators, prepared: Prepared) -> Accumulators:
        return [
            analyzer.add(mine, {name: _numbers(tensor) for name, tensor in batch.items()})
            for analyzer, mine, batch in zip(self._analyzers, accumulator, prepared, strict=True)
        ]

    def merge_accumulators(self, accumulators: Iterable[Accumulators]) -> Accumulators:
        columns = zip(*accumulators, strict=True)
        return [analyzer.merge(column) for analyzer, column in zip(self._analyzers, columns, strict=True)]

    def extract_output(self, accumulator: Accumulators) -> Accumulators:
        return accumulator


def _numbers(tensor: tf.Tensor) -> Any:
    return tensor if tensor.dtype == tf.string else tensor.numpy()


def _extract(accumulators: Accumulators, analyzers: Sequence[Analyzer[Any]], folder: str) -> bytes:
    facts: dict[str, Any] = {}
    for analyzer, accumulator in zip(analyzers, accumulators, strict=True):
        facts |= analyzer.extract(accumulator)
    save_facts(Path(folder), facts)
    return b""


def _extract_dumped(shards: Sequence[AnalyzedShard], analyzers: Sequence[Analyzer[Any]], folder: str) -> bytes:
    """Merges each analyzer's accumulators, one after the other as they are read."""
    ordered = sorted(shards, key=lambda shard: shard.place)
    merged = []
    for place, analyzer in enumerate(analyzers):
        groups = (next(islice(read_archive(Path(shard.path), shard.key), place, None)) for shard in ordered)
        merged.append(analyzer.merge(analyzer.load(arrays) for _, arrays in groups))
    return _extract(merged, analyzers, folder)
