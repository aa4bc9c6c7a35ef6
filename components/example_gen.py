"""ExampleGen: raw files to tf.Example, split by split, with a report of every defect met on the way."""

import copy
import difflib
import json
import logging
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from components.component import Component, Context, FileGroup, Output, Volume
from components.input_files import as_globs, matched_files, matched_folders, prepared_files
from components.partials import Partials
from components.picture_files import files_of_classes
from components.sources import bytes_of, named_pictures, pictures_of, sources_of
from components.span_splits import data_of_spans
from components.spans import FoundSpans, find_spans, vanished
from schemas.artifacts import Examples
from schemas.config import DataConfig, HoldoutConfig, Task
from schemas.errors import ConfigError, DataError
from schemas.ingestion import SOURCE, FeatureType, Ingestion, SpanRows
from schemas.names import is_split_name
from schemas.spans import Span, properties_of

if TYPE_CHECKING:
    from components.transforms.columns import Column, Role
    from components.transforms.ingest import Ingest, Ingested, Unit
    from components.transforms.readers import Reader, Source


class ExampleGen(Component):
    """Reads labelled rows and writes tf.Example, byte for byte the same every time.

    Formats are csv, jsonl, parquet, tfrecord, tfds and image-folder; files whose names end in `.gz` are unpacked. Each
    example holds the feature columns as BYTES, a class (for a multi-label task any number of them) as BYTES or a
    regression label as FLOAT, the columns that `keep` and the holdout's partition name, and `_source`, the row's
    `file:line` or the picture's file. `components/transforms/columns.py` says how values are converted and which
    defects leave a row out, `components/transforms/splits.py` how rows get their split.

    Pictures stay encoded. Each is looked through and decoded once (`components/transforms/pictures.py`), so that every
    picture of the examples can be decoded.

    Of data that comes in spans it reads those that `data.spans` lets in, decided once a run (`components/spans.py`);
    the newest is the examples' `span`, all of them their `spans`. What a file gives does not depend on other files.

    A csv file of 128 MiB or more is read in parts (`components/transforms/readers/csv_parts.py`), whose examples stand
    in shards of their own.

    A file, or a thousand pictures of a folder, that an earlier run has read under the same settings is not read again:
    its shards are linked to (`components/transforms/kept_shards.py`). Prepared tfds data sets, and tables that name
    pictures by their paths, are read in every run.

    Args:
        data: the pipeline file's `data` section.
        task: decides the label's type.

    Raises:
        ConfigError: a split's name or a holdout does not go with the rest; tensorflow-datasets is missing;
            `images.root` is no folder.
        DataError: nothing matches, a folder has no folder a class, a file or column is missing or unreadable, a split
            comes out empty, there is no span to read, or one vanishes while it is read.
    """

    data: DataConfig
    task: Task
    examples: Output[Examples]

    libraries: ClassVar[tuple[str, ...]] = ("apache-beam", "pyarrow", "tensorflow")
    spread_modules: ClassVar[tuple[str, ...]] = ("components.transforms.ingest", "components.transforms.spread")

    def __init__(self, *, name: str | None = None, **fields: object) -> None:
        super().__init__(name=name, **fields)
        self._found: FoundSpans | None = None
        self._read = self.data
        """What is read: `data` with files in place of spans."""

    def resolved(self, base: Path) -> Self:
        """Decides which spans are read; says which are left for the next run."""
        if self.data.spans is None:
            return self
        resolved = copy.copy(self)
        resolved._found = find_spans(self.data, base)
        resolved._read = data_of_spans(self.data, resolved._found, base)
        if later := resolved._found.left_for_later():
            logging.getLogger(f"trainworks.{self.name}").warning(later)
        return resolved

    def external_inputs(self, base: Path) -> Sequence[Path | FileGroup]:
        if self.data.spans and not self._found:
            return self.resolved(base).external_inputs(base)
        try:
            return self._inputs(base)
        except DataError as error:
            if gone := self._gone(base):
                raise gone from error
            raise

    def volume(self, base: Path) -> Volume | None:
        """Pictures are decoded by TensorFlow's threads, on all cores."""
        from components.transforms.readers.csv_parts import number_of_parts

        if self.data.images:
            return None
        inputs = self.external_inputs(base)
        if self.data.format != "csv":
            return Volume(bytes_of(inputs), len(inputs))
        return Volume(bytes_of(inputs), sum(number_of_parts(path) for path in inputs if isinstance(path, Path)))

    def _inputs(self, base: Path) -> Sequence[Path | FileGroup]:
        data = self._read
        if data.format == "tfds":
            return prepared_files(data, base)
        match = matched_folders if data.format == "image-folder" else matched_files
        found = sorted({path for split, globs in data.splits.items() for path, _ in match(split, globs, base)})
        empty = [FileGroup(base / folder, ()) for folder in self._found.empty_places] if self._found else []
        if data.format == "image-folder":
            return [*(FileGroup(folder, tuple(files_of_classes(folder))) for folder in found), *empty]
        if data.images and data.images.source == "path":
            return [*found, *named_pictures(data, base), *empty]
        return [*found, *empty]

    def run(self, context: Context) -> None:
        if self.data.spans and not self._found:
            return self.resolved(context.base).run(context)
        try:
            self._ingest(context)
        except BaseException as error:
            _clear(self.examples.uri)
            if isinstance(error, Exception) and (gone := self._gone(context.base)):
                raise gone from error
            raise

    def _gone(self, base: Path) -> DataError | None:
        return vanished(self._found, base) if self._found else None

    def _ingest(self, context: Context) -> None:
        from components.transforms.ingest import Ingest, with_contents
        from components.transforms.readers import make_reader
        from components.transforms.readers.csv_files import CsvReader
        from components.transforms.readers.csv_parts import InParts

        data = self._read
        holdout = _checked_holdout(data)
        reader = make_reader(data, context.base)
        sources = list(sources_of(data, context.base))
        columns = self._columns(probed(reader, sources, self._wanted(holdout)))
        cut = InParts(reader) if isinstance(reader, CsvReader) else reader
        units = with_contents(units_of(cut, sources), data, context.digest)
        report = self.examples.uri / ".ingested.json"
        pictures = pictures_of(data, columns, context.base)
        ingest = Ingest(
            reader,
            columns,
            holdout,
            self.examples.uri,
            report,
            pictures=pictures,
            partials=Partials(context.partials),
            code=context.code,
        )
        ingested = self._ingested(context, units, ingest, report)
        if ingested.wrong_cuts and isinstance(cut, InParts):
            _clear(self.examples.uri)
            whole = {units[place].source for place in ingested.wrong_cuts}
            shown = ", ".join(sorted(source.shown for source in whole))
            context.logger.info("read as one, since quotes do not tell where rows end: %s", shown)
            cut = InParts(cut.reader, frozenset(source.path for source in whole))
            units = with_contents(units_of(cut, sources), data, context.digest)
            ingested = self._ingested(context, units, ingest, report)
        context.logger.info(
            "read %d of %d units; earlier runs had read the others", len(units) - ingested.reused, len(units)
        )
        self._publish(ingested, columns, holdout, self._span_rows(units, ingested, context.base))

    def _ingested(self, context: Context, units: "Sequence[Unit]", ingest: "Ingest", report: Path) -> "Ingested":
        """Runs the Beam pipeline; returns what it reports."""
        import apache_beam as beam

        from components.transforms.beam import beam_pipeline, watched
        from components.transforms.ingest import load_report

        size = bytes_of(self.external_inputs(context.base)) >> 20
        with (
            context.progress("writing examples, MiB", size) as bar,
            watched(bar, self.examples.uri, size),
            beam_pipeline(context.beam) as pipeline,
        ):
            _ = pipeline | beam.Create(units, reshuffle=False) | ingest
        ingested = load_report(report)
        report.unlink()
        return ingested

    def _wanted(self, holdout: HoldoutConfig | None) -> dict[str, str]:
        """Columns to write, each with the key of the pipeline file that asks for it; the most telling one."""
        wanted = dict.fromkeys(self.data.keep, "keep")
        if holdout and holdout.by != "hash":
            wanted[holdout.by] = "holdout.by"
        wanted |= dict.fromkeys(self.data.features.values(), "features")
        wanted |= dict.fromkeys(self.data.box or (), "box")
        if self.data.label is not None:
            wanted[self.data.label] = "label"
        if SOURCE in wanted:
            raise ConfigError(
                f"`data.{wanted[SOURCE]}` may not name a column `{SOURCE}`: examples keep their origin there."
            )
        return wanted

    def _columns(self, types: Mapping[str, FeatureType]) -> "list[Column]":
        from components.transforms.columns import Column

        columns = []
        for name, natural in sorted(types.items()):
            if name == self.data.label and self.task == "multi-label":
                columns.append(Column(name, "BYTES", "labels", self.data.label_separator))
            elif name == self.data.label:
                columns.append(Column(name, "FLOAT" if self.task == "regression" else "BYTES", "label"))
            elif self.task == "localization" and name in (self.data.box or ()):
                columns.append(Column(name, "FLOAT", self._side(name), pixels=self.data.box_unit == "pixels"))
            elif name in self.data.features.values():
                columns.append(Column(name, "BYTES", "image" if self.data.images else "text"))
            else:
                columns.append(Column(name, natural, "kept"))
        return columns

    def _side(self, column: str) -> "Role":
        """Which coordinate of the box a column holds."""
        sides: tuple[Role, ...] = ("xmin", "ymin", "xmax", "ymax")
        return sides[(self.data.box or ()).index(column)]

    def _span_rows(self, units: "Sequence[Unit]", ingested: "Ingested", base: Path) -> tuple[SpanRows, ...]:
        """What came of each span, told by the files that shards were made of."""
        found = self._found or FoundSpans()
        spans = {os.path.normpath(base / path): one.span for one in found.read for path in one.paths}
        rows: dict[Span, Counter[str]] = {one.span: Counter() for one in (*found.read, *found.empty)}
        of_unit = {unit.place: spans.get(unit.source.path) for unit in units}
        for shard in ingested.shards:
            if span := of_unit[shard.order[0]]:
                rows[span][shard.split] += shard.count
        return tuple(
            SpanRows(span=span.number, version=span.version, name=span.name, rows=dict(sorted(rows[span].items())))
            for span in sorted(rows)
        )

    def _publish(
        self,
        ingested: "Ingested",
        columns: "Sequence[Column]",
        holdout: HoldoutConfig | None,
        spans: tuple[SpanRows, ...],
    ) -> None:
        from components.transforms.shards import commit_shards, digests_of

        if ingested.failures:
            raise ingested.failures[0].error()
        counts = commit_shards(self.examples.uri, ingested.shards)
        names = [*self.data.splits, *(holdout.fractions if holdout else ())]
        for name in names:
            if not counts.get(name):
                raise _empty_split(name, self.data, holdout, ingested)
        self.examples.write_ingestion(
            Ingestion(
                columns={column.name: column.type for column in columns} | {SOURCE: "BYTES"},
                rows={name: counts[name] for name in names},
                shards=digests_of(ingested.shards),
                defects=tuple(tally.defect() for tally in ingested.tallies),
                spans=spans,
            )
        )
        read = self._found.spans if self._found else ()
        self.examples.properties.update(split_names=json.dumps(names), **properties_of(read))


def _checked_holdout(data: DataConfig) -> HoldoutConfig | None:
    """The holdout, once it goes with the splits; their names become folders."""
    holdout = data.effective_holdout
    held_out = holdout.fractions if holdout else {}
    for name in [*data.splits, *held_out]:
        if not is_split_name(name):
            raise ConfigError(
                f"A split's name must consist of letters, digits, `_`, `-` and `.`. Received: {name!r} in `data`"
            )
        if name in data.splits and name in held_out:
            raise ConfigError(f"`data.holdout` cuts the split `{name}`, which `data.splits` already gives. Rename one.")
    return holdout


def probed(reader: "Reader", sources: "Sequence[Source]", wanted: Mapping[str, str]) -> dict[str, FeatureType]:
    """Every wanted column's type, the widest over all files. Raises a DataError for a file that lacks one."""
    from components.transforms.readers import widest

    types: dict[str, set[FeatureType | None]] = {name: set() for name in wanted}
    for source in sources:
        found = reader.probe(source)
        for name, key in wanted.items():
            if name not in found:
                raise DataError(_missing_column(source.shown, name, key, list(found)))
            types[name].add(found[name])
    return {name: widest(kinds) or "BYTES" for name, kinds in types.items()}


def _missing_column(shown: str, name: str, key: str, found: Sequence[str]) -> str:
    listed = ", ".join(f"`{column}`" for column in found[:20]) + (", ..." if len(found) > 20 else "")
    folded = {column.strip().casefold(): column for column in reversed(found)}
    near = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.5)
    hint = f" Did you mean `{folded[near[0]]}`?" if near else ""
    return (
        f"`{shown}` has no column `{name}`, which `data.{key}` names. Columns found: {listed}.{hint}"
        " Bring it back, or change the pipeline file."
    )


def units_of(reader: "Reader", sources: "Sequence[Source]") -> "list[Unit]":
    """The units of work that sources fall into."""
    from components.transforms.ingest import Unit

    parts = [(source, part) for source in sources for part in reader.parts(source)]
    return [Unit(place, source, part) for place, (source, part) in enumerate(parts)]


def _empty_split(name: str, data: DataConfig, holdout: HoldoutConfig | None, ingested: "Ingested") -> DataError:
    """Why a split holds no example: no rows in its files, none that could be kept, or all on the other side."""
    origin = name if name in data.splits else holdout.source if holdout else name
    seen = ingested.seen.get(origin, 0)
    if not seen:
        listed = ", ".join(f"`{pattern}`" for pattern in as_globs(data.splits[origin]))
        if data.format == "image-folder":
            return DataError(f"Split `{origin}` has no pictures: {listed} holds none. Put pictures into it.")
        return DataError(f"Split `{origin}` has no rows: {listed} has a header at most. Put rows into it.")
    dropped = [tally for tally in ingested.tallies if tally.split == origin and tally.defect().dropped]
    if sum(tally.count for tally in dropped) == seen:
        found = ", ".join(f"{tally.kind} {tally.count} (first {tally.first[0][2]})" for tally in dropped)
        return DataError(f"No row of split `{origin}` could be kept: {found}. Received: {seen} rows")
    share = f"{holdout.fractions.get(name, 1 - sum(holdout.fractions.values())):.0%}" if holdout else ""
    return DataError(
        f"Split `{name}`, {share} of the {seen} rows of `{origin}`, came out empty. "
        f"Add rows, change `data.holdout`, or give `{name}` files of its own in `data.splits`."
    )


def _clear(folder: Path) -> None:
    """Leaves nothing half-written behind."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
