"""ExampleGen in Beam: units of work in, shards and a count of what was met out.

One DoFn reads a unit (a file, or row groups of one) as a stream, gives each row to its split and writes the shards; no
record crosses a stage, so memory does not grow with the data. What comes out merges in any order to the same report.
"""

import errno
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import apache_beam as beam
from pydantic import TypeAdapter

from components.partials import Partials, key_of
from components.transforms.beam import WriteBytes
from components.transforms.columns import DROPPING, Column, RowEncoder
from components.transforms.contents import Contents
from components.transforms.kept_shards import KeptShards
from components.transforms.readers import Part, Reader, Row, Source, WrongCutError
from components.transforms.shards import ShardWriter, WrittenShard
from components.transforms.splits import Splitter
from components.transforms.spread import Spread
from schemas.config import DataConfig, HoldoutConfig
from schemas.errors import DataError, TrainworksError
from schemas.files import sha256
from schemas.ingestion import Defect, DefectKind

if TYPE_CHECKING:
    from components.transforms.pictures import Pictures

KEPT_ORIGINS = 10
"""Origins of a defect that are kept, a kind and split."""


@dataclass(frozen=True)
class Unit:
    """A unit of work.

    Args:
        place: its place among all units, by which shards and origins are ordered.
        source, part: what it reads.
        contents: what that holds; None where nobody knows, and the unit is read in every run.
    """

    place: int
    source: Source
    part: Part
    contents: Contents | None = None


@dataclass(frozen=True)
class Tally:
    """How often a defect was met in a split, and where first: (unit's place, line, origin)."""

    kind: DefectKind
    split: str
    count: int
    first: tuple[tuple[int, int, str], ...]

    def merge(self, other: "Tally") -> "Tally":
        first = tuple(sorted(self.first + other.first)[:KEPT_ORIGINS])
        return Tally(self.kind, self.split, self.count + other.count, first)

    def moved_to(self, place: int) -> "Tally":
        """The same of a unit at another place."""
        return replace(self, first=tuple((place, line, origin) for _, line, origin in self.first))

    def defect(self) -> Defect:
        rows = tuple(origin for _, _, origin in self.first)
        return Defect(kind=self.kind, split=self.split, count=self.count, rows=rows, dropped=self.kind in DROPPING)


@dataclass(frozen=True)
class Failure:
    """Why a unit could not be read or written; travels as a value, so that every Beam runner reports it alike."""

    place: int
    message: str
    bad_data: bool

    def error(self) -> TrainworksError:
        return DataError(self.message) if self.bad_data else TrainworksError(self.message)


@dataclass(frozen=True)
class Ingested:
    """What came of some units: rows seen by split of the pipeline file, shards, defects, the first failure, how many
    units an earlier run had read, and the places of those that end amid a record."""

    seen: dict[str, int] = field(default_factory=dict)
    shards: tuple[WrittenShard, ...] = ()
    tallies: tuple[Tally, ...] = ()
    failures: tuple[Failure, ...] = ()
    reused: int = 0
    wrong_cuts: tuple[int, ...] = ()

    def merge(self, other: "Ingested") -> "Ingested":
        tallies = {(tally.kind, tally.split): tally for tally in self.tallies}
        for tally in other.tallies:
            mine = tallies.get((tally.kind, tally.split))
            tallies[tally.kind, tally.split] = mine.merge(tally) if mine else tally
        return Ingested(
            seen={name: self.seen.get(name, 0) + other.seen.get(name, 0) for name in {**self.seen, **other.seen}},
            shards=self.shards + other.shards,
            tallies=tuple(sorted(tallies.values(), key=lambda tally: (tally.split, tally.kind))),
            failures=tuple(sorted(self.failures + other.failures, key=lambda failure: failure.place)[:1]),
            reused=self.reused + other.reused,
            wrong_cuts=self.wrong_cuts + other.wrong_cuts,
        )


_INGESTED = TypeAdapter(Ingested)


class Ingest(beam.PTransform):
    """Units to one JSON file at `report`; `load_report` reads it.

    Args:
        reader: the format's reader.
        columns: what to write, sorted by name.
        holdout: what is cut, or None.
        uri: folder of the Examples artifact.
        report: where the merged `Ingested` goes.
        pictures: what puts pictures into rows, where there are any.
        partials: where shards of earlier runs are.
        code: digest of the code that reads, converts and writes.
    """

    def __init__(
        self,
        reader: Reader,
        columns: Sequence[Column],
        holdout: HoldoutConfig | None,
        uri: Path,
        report: Path,
        *,
        pictures: "Pictures | None" = None,
        partials: Partials,
        code: str,
    ) -> None:
        super().__init__()
        self._ingest_unit = IngestUnit(reader, columns, holdout, uri, pictures=pictures, partials=partials, code=code)
        self._report = report

    def expand(self, units: beam.PCollection) -> beam.PCollection:
        return (
            units
            | "Read and write" >> Spread(self._ingest_unit)
            | "Merge" >> beam.CombineGlobally(_merged)
            | "To JSON" >> beam.Map(_INGESTED.dump_json)
            | "Report" >> WriteBytes(self._report)
        )


def with_contents(units: Iterable[Unit], data: DataConfig, digest: Callable[[Path], str]) -> list[Unit]:
    """Units with what they read, as far as that is in their files alone: rows may name others, and tfds finds its own.

    Args:
        digest: of a file, remembered by somebody.
    """
    of_file = cache(lambda path: Contents.of_file(path, digest))

    def contents(unit: Unit) -> Contents | None:
        if unit.part.names:
            return Contents(tuple(f"{unit.source.path}/{name}" for name in unit.part.names))
        if data.format == "tfds" or (data.images and data.images.source == "path"):
            return None
        return of_file(unit.source.path)

    return [replace(unit, contents=contents(unit)) for unit in units]


def load_report(path: Path) -> Ingested:
    """What `Ingest` wrote."""
    return _INGESTED.validate_json(path.read_bytes())


def _merged(outcomes: Iterable[Ingested]) -> Ingested:
    total = Ingested()
    for outcome in outcomes:
        total = total.merge(outcome)
    return total


class IngestUnit(beam.DoFn):
    """Reads one unit, writes its examples, yields its `Ingested`. Arguments as for `Ingest`."""

    def __init__(
        self,
        reader: Reader,
        columns: Sequence[Column],
        holdout: HoldoutConfig | None,
        uri: Path,
        *,
        pictures: "Pictures | None" = None,
        partials: Partials,
        code: str,
    ) -> None:
        self._reader, self._columns, self._holdout, self._uri = reader, tuple(columns), holdout, str(uri)
        self._pictures, self._kept = pictures, KeptShards(partials, str(uri))
        self._settings = key_of(
            code=code, reader=[type(reader).__name__, reader], columns=columns, holdout=holdout, pictures=pictures
        )

    def process(self, unit: Unit) -> Iterator[Ingested]:
        if unit.contents is None:
            yield self._ingested(unit)
            return
        contents = unit.contents.known()
        key = key_of(settings=self._settings, contents=contents.digest, unit=_identity(unit))
        found = self._kept.take(key, unit.place)
        if found:
            yield _as_of(unit, *found)
            return
        ingested = self._ingested(unit)
        if not (ingested.failures or ingested.wrong_cuts):
            shards = tuple(replace(shard, digest=sha256(Path(shard.path))) for shard in ingested.shards)
            ingested = replace(ingested, shards=shards)
            said = _INGESTED.dump_json(replace(ingested, shards=()))
            self._kept.add(key, shards, said, unless=contents.have_changed)
        yield ingested

    def _ingested(self, unit: Unit) -> Ingested:
        """Reads the unit and writes its shards."""
        splitter = Splitter(unit.source.split, self._holdout)
        writers = {name: ShardWriter(Path(self._uri, f"Split-{name}"), name, unit.place) for name in splitter.names}
        tallies: dict[tuple[DefectKind, str], Tally] = {}
        failures: tuple[Failure, ...] = ()
        seen = 0
        try:
            seen = self._write_rows(unit, splitter, writers, tallies)
            shards = [shard for writer in writers.values() for shard in writer.close()]
        except (TrainworksError, OSError) as error:
            shards, failures = [], (_failure(unit, error),)
        except WrongCutError:
            return Ingested(wrong_cuts=(unit.place,))
        return Ingested({unit.source.split: seen}, tuple(shards), tuple(tallies.values()), failures)

    def _write_rows(
        self,
        unit: Unit,
        splitter: Splitter,
        writers: Mapping[str, ShardWriter],
        tallies: dict[tuple[DefectKind, str], Tally],
    ) -> int:
        partition = self._holdout.by if self._holdout and self._holdout.by != "hash" else None
        encode = RowEncoder(self._columns, partition).encode
        write = {name: writer.write for name, writer in writers.items()}
        shown = unit.source.shown.encode("utf-8", "replace")
        seen = 0
        rows = self._reader.rows(unit.source, unit.part, [column.name for column in self._columns])
        for row in self._pictures.rows(unit.source, rows) if self._pictures else rows:
            seen += 1
            if row.defect:
                _count(tallies, row.defect, unit.source.split, unit, row)
                continue
            encoded = encode(row.values, row.origin.encode() if row.origin else b"%b:%d" % (shown, row.line))
            split = splitter.assign(encoded.content) if encoded.record else unit.source.split
            for kind in encoded.defects:
                _count(tallies, kind, split, unit, row)
            if encoded.record:
                write[split](encoded.record)
        return seen


def _identity(unit: Unit) -> list[object]:
    """What else decides a unit's examples; names of files may hold any bytes."""
    part, named = unit.part, (unit.source.shown, *unit.part.names)
    names = "\0".join(named).encode("utf-8", "surrogateescape").hex()
    return [unit.source.split, names, part.first, part.last, part.offset]


def _as_of(unit: Unit, shards: Sequence[WrittenShard], said: bytes) -> Ingested:
    """What an earlier run said of a unit of the same content, as of this one."""
    ingested = _INGESTED.validate_json(said)
    tallies = tuple(tally.moved_to(unit.place) for tally in ingested.tallies)
    return replace(ingested, shards=tuple(shards), tallies=tallies, reused=1)


def _count(tallies: dict[tuple[DefectKind, str], Tally], kind: DefectKind, split: str, unit: Unit, row: Row) -> None:
    known = tallies.get((kind, split))
    first = known.first if known else ()
    if len(first) < KEPT_ORIGINS:
        first = (*first, (unit.place, row.line, row.origin or f"{unit.source.shown}:{row.line}"))
    tallies[kind, split] = Tally(kind, split, known.count + 1 if known else 1, first)


def _failure(unit: Unit, error: TrainworksError | OSError) -> Failure:
    if isinstance(error, TrainworksError):
        return Failure(unit.place, str(error), isinstance(error, DataError))
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        message = (
            f"The examples of `{unit.source.shown}` could not be written: {reason}. "
            "Free some space, or put the workspace where there is more."
        )
        return Failure(unit.place, message, bad_data=False)
    return Failure(unit.place, f"`{unit.source.shown}` failed to be read or written: {reason}.", bad_data=False)
