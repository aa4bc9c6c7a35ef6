"""TFRecord files of tf.Example; `_source` counts records from 1."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from google.protobuf.message import DecodeError

from components.transforms.readers import PROBED_ROWS, WHOLE, Part, Row, Source, empty, opened, probe_rows
from schemas.errors import DataError
from schemas.ingestion import FeatureType
from schemas.tfrecords import CorruptRecordError, read_records


@dataclass(frozen=True)
class TFRecordReader:
    """A feature with one value is that value, with several a list, with none a missing one."""

    def probe(self, source: Source) -> Mapping[str, FeatureType | None]:
        examples = islice(_examples(source), PROBED_ROWS)
        columns = probe_rows(
            {name: feature_value(feature) for name, feature in example.features.feature.items()}
            for example in examples
            if example is not None
        )
        if not columns:
            raise DataError(
                f"`{source.shown}` has no tf.Example with features in its first {PROBED_ROWS} records. "
                "Format `tfrecord` is a TFRecord file of serialized tf.Example."
            )
        return columns

    def parts(self, source: Source) -> Iterator[Part]:
        yield WHOLE

    def rows(self, source: Source, part: Part, columns: Sequence[str]) -> Iterator[Row]:
        for number, example in enumerate(_examples(source), 1):
            if example is None:
                yield Row(number, defect="malformed_row")
                continue
            features = example.features.feature
            yield Row(number, [feature_value(features[name]) if name in features else None for name in columns])


def _examples(source: Source) -> Iterator[Any]:  # protobuf's generated classes have no types here
    """The records as tf.Example; None for one that is not."""
    import tensorflow as tf

    records = 0
    with opened(source) as file:
        try:
            for record in read_records(file):
                records += 1
                yield _parsed(tf.train.Example, record)
        except CorruptRecordError as error:
            raise DataError(f"`{source.shown}` is not a sound TFRecord file: {error}. Write it again.") from error
    if records == 0:
        raise empty(source)


def _parsed(message: Any, record: bytes) -> Any | None:
    try:
        return message.FromString(record)
    except DecodeError:
        return None


def feature_value(feature: Any) -> object:
    """A feature of a tf.Example: its value, several as a list, None for none."""
    kind = feature.WhichOneof("kind")
    if kind is None:
        return None
    values = list(getattr(feature, kind).value)
    return values[0] if len(values) == 1 else values or None
