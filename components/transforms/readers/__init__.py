"""Readers of raw files, one format a file: its columns, the parts it falls into, its rows as a stream.

A reader is a small immutable object that travels to Beam's workers; it holds no open file. It raises a `DataError` that
names the file for what it cannot read at all, and yields a `Row` with a defect for a row that it cannot.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, cast

from schemas.config import DataConfig
from schemas.errors import DataError
from schemas.ingestion import DefectKind, FeatureType

MAX_FIELD_BYTES = 64 << 20
"""Longest field, line or record that is read; memory stays bounded whatever the file says."""

PROBED_ROWS = 100
"""Rows of a file that tell its columns, where the format itself does not."""


@dataclass(frozen=True)
class Source:
    """A file or folder to read, or a split of a tfds data set.

    Args:
        split: the split that the pipeline file gives it to.
        path: absolute path, or the split's name in tfds.
        shown: how origins and messages name it: relative to the pipeline file, with forward slashes.
    """

    split: str
    path: str
    shown: str


@dataclass(frozen=True)
class Part:
    """A unit of work: row groups `[first, last)` of a parquet file, or all of another one; `offset` rows precede it.

    Of a csv file that is cut, bytes from `first` to `last`, or to the end where that is 0; `offset` lines precede it.
    Of a folder, some of its files: `names`, relative to it.
    """

    first: int = 0
    last: int = 0
    offset: int = 0
    names: tuple[str, ...] = ()


WHOLE = Part()


class WrongCutError(Exception):
    """A part ends amid a record: the file must be read as one. See `components/transforms/readers/csv_parts.py`."""


class Row(NamedTuple):
    """Raw values in the order of the columns asked for; the line (or row, from 1) where it starts.

    `origin` says where it comes from, where that is more than a file and a line.
    """

    line: int
    values: Sequence[object] = ()
    defect: DefectKind | None = None
    origin: str = ""


class Reader(Protocol):
    """One format."""

    def probe(self, source: Source) -> Mapping[str, FeatureType | None]:
        """The columns and their natural types; None where the rows looked at hold no value."""

    def parts(self, source: Source) -> Iterable[Part]:
        """The units of work, in order."""

    def rows(self, source: Source, part: Part, columns: Sequence[str]) -> Iterator[Row]:
        """The rows of one unit, in order."""


def make_reader(data: DataConfig, base: Path) -> Reader:
    """The reader for the pipeline file's `data.format`. Raises a `ConfigError` for settings that it cannot follow."""
    if data.format == "csv":
        from components.transforms.readers.csv_files import CsvReader

        return CsvReader(data.delimiter, data.columns)
    if data.format == "jsonl":
        from components.transforms.readers.jsonl_files import JsonlReader

        return JsonlReader()
    if data.format == "parquet":
        from components.transforms.readers.parquet_files import ParquetReader

        return ParquetReader()
    if data.format in ("tfrecord", "prediction-log"):
        return _record_reader(data)
    if data.format == "image-folder":
        from components.transforms.readers.image_folders import ImageFolderReader

        return ImageFolderReader()
    from components.transforms.readers.tfds_splits import TfdsReader

    return TfdsReader(cast(str, data.name), str(base / data.directory) if data.directory else None)


def _record_reader(data: DataConfig) -> Reader:
    if data.format == "tfrecord":
        from components.transforms.readers.tfrecord_files import TFRecordReader

        return TFRecordReader()
    from components.transforms.readers.prediction_log_files import PredictionLogReader

    return PredictionLogReader()


@contextmanager
def opened(source: Source) -> Iterator[BinaryIO]:
    """The file for reading, unpacked if its name ends in `.gz`; a `DataError` for what the system or gzip refuses."""
    try:
        path = Path(source.path)
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            yield cast(BinaryIO, file)
    except PermissionError as error:
        raise DataError(
            f"`{source.shown}` cannot be read: permission denied. Make it readable for this user."
        ) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"`{source.shown}` is not a sound gzip file ({error}). Fetch or pack it again.") from error
    except OSError as error:
        raise DataError(f"`{source.shown}` cannot be read: {error.strerror or error}.") from error


def empty(source: Source) -> DataError:
    """What a reader raises for a file without any content."""
    return DataError(
        f"`{source.shown}` (split `{source.split}`) is empty. Put rows into it, or take it out of `splits`."
    )


def too_long(source: Source, line: int, what: str) -> DataError:
    """What a reader raises for a field, line or record above the limit."""
    return DataError(
        f"{source.shown}:{line}: {what} is longer than {MAX_FIELD_BYTES >> 20} MiB, the most that is read. "
        "Split it up, or look for a quote that is never closed."
    )


def natural_type(values: Iterable[object]) -> FeatureType | None:
    """The type that holds all these values: whole numbers and booleans INT, other numbers FLOAT, all else BYTES."""
    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return None
    if kinds <= {int, bool}:
        return "INT"
    return "FLOAT" if kinds <= {int, float} else "BYTES"


def widest(types: Iterable[FeatureType | None]) -> FeatureType | None:
    """The type that holds values of all these types."""
    kinds = {kind for kind in types if kind}
    if kinds == {"INT", "FLOAT"}:
        return "FLOAT"
    return kinds.pop() if len(kinds) == 1 else "BYTES" if kinds else None


def probe_rows(rows: Iterable[Mapping[str, object]]) -> dict[str, FeatureType | None]:
    """Columns and natural types of rows that name their own columns."""
    seen: dict[str, list[object]] = {}
    for row in rows:
        for name, value in row.items():
            seen.setdefault(name, []).append(value)
    return {name: natural_type(values) for name, values in seen.items()}
