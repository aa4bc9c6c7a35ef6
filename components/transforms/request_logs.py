"""Request logs in Beam: what each version of a model was asked and answered, as examples to measure and keys to join.

One DoFn reads a log as a stream. Requests within the window become examples, a split a version, by the names that
training data has for their columns, with the answer in `_predicted_label` and `_predicted_score`. What cannot be used
is counted by what is wrong with it: a server may be writing still, or have been killed while it did.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from google.protobuf.message import DecodeError
from pydantic import TypeAdapter

from components.metrics.accumulator import SCORE_DIGITS
from components.transforms.answers import Answer, Answers, answers_of
from components.transforms.columns import text
from components.transforms.readers import Source, opened
from components.transforms.shards import ShardWriter, WrittenShard
from components.transforms.wire import FeatureEncoder, example
from components.validation.served import LABEL, SCORE
from schemas.config import Task
from schemas.errors import DataError
from schemas.ingestion import SOURCE, FeatureType
from schemas.tfrecords import CorruptRecordError, CutRecordError, read_records

_DAY: Final = 86_400
_SHOWN: Final = 5
_INT_END: Final = 1 << 63
"""What an example's whole numbers lie below; clients may send any number, and some that are none."""


@dataclass(frozen=True)
class LogJob:
    """What is read, and as what.

    Args:
        model: name of the model; requests to others are counted.
        task: what it predicts.
        served: the folder of its versions, whose labels tell what answers of several classes mean.
        features: model input to column.
        columns: columns of requests that training data has, with their types.
        until: the end of both windows; times are seconds since 1970.
        since: requests after this are measured.
        joined_since: answers after this are joined to labels; None where there are no labels.
        key: the column by which they are; what was asked unless given.
        folder: gets `Split-<version>/`.
        pictures: whether features are encoded pictures, not texts.
    """

    model: str
    task: Task
    served: str
    features: Mapping[str, str]
    columns: Mapping[str, FeatureType]
    until: int
    since: int
    joined_since: int | None
    key: str | None
    folder: str
    pictures: bool = False

    @property
    def types(self) -> dict[str, FeatureType]:
        """The columns of the examples that are written."""
        answer: dict[str, FeatureType] = {} if self.task == "regression" else {LABEL: "BYTES"}
        return {**self.columns, **answer, SCORE: "FLOAT"}


@dataclass
class LogCounts:
    """What was met in some logs.

    Args:
        measured: requests' rows in the window, by version.
        shards: files of examples.
        records: records that were read, of any model and time.
        damaged: records that are no sound PredictionLog.
        cut: files that end in half a record.
        unreadable: files, or the rest of one, that cannot be read, and why.
        other_models: requests to models of other names.
        other_signatures: requests that ask for no prediction, or bring other inputs than the model's.
        outside: requests before or after the windows.
        keyless: answers without a value in the key's column.
        times: of the first and the last request in either window, by version.
    """

    measured: Counter[int] = field(default_factory=Counter)
    shards: list[WrittenShard] = field(default_factory=list)
    records: int = 0
    damaged: int = 0
    cut: int = 0
    unreadable: list[str] = field(default_factory=list)
    other_models: Counter[str] = field(default_factory=Counter)
    other_signatures: Counter[str] = field(default_factory=Counter)
    outside: int = 0
    keyless: int = 0
    times: dict[int, tuple[int, int]] = field(default_factory=dict)

    def saw(self, version: int, first: int, last: int) -> None:
        """Notes when a version was asked."""
        before = self.times.get(version, (first, last))
        self.times[version] = min(first, before[0]), max(last, before[1])

    def replaced(self) -> frozenset[int]:
        """Versions that were asked nothing any more once another one had begun to be."""
        return frozenset(
            version
            for version, (_, last) in self.times.items()
            if any(first > last for first, _ in self.times.values())
        )

    def merge(self, other: "LogCounts") -> "LogCounts":
        merged = LogCounts(
            self.measured + other.measured,
            self.shards + other.shards,
            self.records + other.records,
            self.damaged + other.damaged,
            self.cut + other.cut,
            sorted(self.unreadable + other.unreadable),
            self.other_models + other.other_models,
            self.other_signatures + other.other_signatures,
            self.outside + other.outside,
            self.keyless + other.keyless,
            dict(self.times),
        )
        for version, (first, last) in other.times.items():
            merged.saw(version, first, last)
        return merged

    def told(self) -> Iterator[str]:
        """What is said of requests that were not looked at."""
        if self.cut:
            yield f"files that end in half a record, as they do while they are written: {self.cut:,}"
        if self.other_models:
            yield f"requests to other models, left out: {_listed(self.other_models)}"
        if self.other_signatures:
            yield f"requests that ask for no prediction of this model, left out: {_listed(self.other_signatures)}"
        if self.outside:
            yield f"requests before or after what is looked at, left out: {self.outside:,}"
        if self.keyless:
            yield f"answers without the key that labels are joined by: {self.keyless:,}"


def _listed(counts: Counter[str]) -> str:
    shown = ", ".join(f"`{name}` {count:,}" for name, count in counts.most_common(_SHOWN))
    return f"{counts.total():,} ({shown}{', ...' if len(counts) > _SHOWN else ''})"


COUNTS = TypeAdapter(LogCounts)

JoinedAnswer = tuple[int, int, bytes]
"""Version, day since 1970 (in UTC), and what was predicted."""


class ReadLog(beam.DoFn):
    """Reads logs, each given as `(place, Source)`; yields their `LogCounts`, and under the tag `answers`
    `(key, JoinedAnswer)`."""

    ANSWERS: Final = "answers"

    def __init__(self, job: LogJob) -> None:
        self._job = job

    def process(self, log: tuple[int, Source]) -> Iterator[Any]:  # LogCounts and TaggedOutput; Beam would check a union
        place, source = log
        counts = LogCounts()
        reading = _Reading(self._job, place, source, counts)
        for record in _records(source, counts):
            for answer in reading.add(record):
                yield TaggedOutput(self.ANSWERS, answer)
        counts.shards = reading.close()
        yield counts


def _records(source: Source, counts: LogCounts) -> Iterator[bytes]:
    """A log's records as far as they can be read; what ends them too early is noted.

    What goes wrong while a record is used (the disk is full, say) is none of the log's faults, and not caught.
    """
    try:
        with opened(_present(source)) as file:
            yield from read_records(file)
    except CutRecordError:
        counts.cut = 1
    except CorruptRecordError as error:
        counts.unreadable = [f"{source.shown}: {error}; what follows is not read"]
    except DataError as error:
        counts.unreadable = [str(error)]


def _present(source: Source) -> Source:
    """A log that was finished meanwhile has lost the dot of its name."""
    path = Path(source.path)
    finished = path.with_name(path.name.removeprefix("."))
    return source if path.exists() or not finished.exists() else Source(source.split, str(finished), source.shown)


class _Reading:
    """One log: its examples by version, and what was met."""

    def __init__(self, job: LogJob, place: int, source: Source, counts: LogCounts) -> None:
        self._job, self._place, self._source, self._counts = job, place, source, counts
        self._types = {**job.types, SOURCE: "BYTES"}
        self._encoders = {name: FeatureEncoder(name, kind) for name, kind in sorted(self._types.items())}
        self._writers: dict[int, ShardWriter] = {}
        self._answers = Answers(job.task, Path(job.served), job.features)

    def add(self, record: bytes) -> Iterator[tuple[bytes, JoinedAnswer]]:
        """Writes a record's rows, and yields those that labels may be joined to."""
        from serving.protos import prediction_log_pb2

        self._counts.records += 1
        try:
            log = prediction_log_pb2.PredictionLog.FromString(record)
            metadata = log.log_metadata
            if self._is_other(metadata):
                return
            rows = answers_of(log, self._answers)
        except (DecodeError, ValueError):
            self._counts.damaged += 1
            return
        if rows is None:
            self._counts.other_signatures[metadata.model_spec.signature_name or log.WhichOneof("log_type") or ""] += 1
            return
        version, time = metadata.model_spec.version.value, metadata.timestamp_secs
        self._counts.saw(version, time, time)
        for row in rows:
            if time > self._job.since:
                self._write(version, row)
            if self._job.joined_since is not None and time > self._job.joined_since:
                yield from self._joined(version, time // _DAY, row)

    def close(self) -> list[WrittenShard]:
        return [shard for writer in self._writers.values() for shard in writer.close()]

    def _is_other(self, metadata: Any) -> bool:
        """Whether a request is to another model, or of another time; it is counted then."""
        job = self._job
        if metadata.model_spec.name != job.model:
            self._counts.other_models[metadata.model_spec.name] += 1
            return True
        oldest = job.since if job.joined_since is None else min(job.since, job.joined_since)
        outside = not oldest < metadata.timestamp_secs <= job.until
        self._counts.outside += outside
        return outside

    def _write(self, version: int, row: Answer) -> None:
        if version not in self._writers:
            folder = Path(self._job.folder) / f"Split-{version}"
            self._writers[version] = ShardWriter(folder, str(version), self._place)
        score = row.score if row.score is None or row.label is None else round(row.score, SCORE_DIGITS)
        values = {
            **row.asked,
            LABEL: row.label,
            SCORE: score,
            SOURCE: f"{self._source.shown}:{self._counts.records}",
        }
        pieces = [
            piece
            for name, encoder in self._encoders.items()
            if (value := self._value(name, values.get(name))) is not None
            for piece in encoder.encode(value)
        ]
        self._writers[version].write(example(pieces))
        self._counts.measured[version] += 1

    def _value(self, name: str, value: object) -> bytes | int | float | None:
        if self._job.pictures and name in self._job.features.values():
            return value if isinstance(value, bytes) else None
        return _as_type(value, self._types[name])

    def _joined(self, version: int, day: int, row: Answer) -> Iterator[tuple[bytes, JoinedAnswer]]:
        columns = [self._job.key] if self._job.key else [*dict.fromkeys(self._job.features.values())]
        values = [row.asked.get(column) for column in columns]
        if row.label is None or (self._job.key and values[0] is None):
            self._counts.keyless += 1
        else:
            yield key_of(values), (version, day, row.label)


def key_of(values: list[object]) -> bytes:
    """What answers and labels are joined by: a digest of the values, so that texts and pictures need not travel."""
    digest = blake2b(digest_size=16)
    for value in values:
        content = value if isinstance(value, bytes) else text(value, set()) or b""
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.digest()


def _as_type(value: object, kind: FeatureType) -> bytes | int | float | None:
    if isinstance(value, list):
        value = value[0]
    if kind == "BYTES":
        return text(value, set())
    if not isinstance(value, int | float):
        return None
    if kind == "FLOAT":
        return float(value)
    return int(value) if -_INT_END <= value < _INT_END else None
