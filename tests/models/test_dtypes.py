"""What is analyzed, trained on and served is parsed alike."""

import tensorflow as tf

from components.transforms import tfrecords
from models.dtypes import dense_spec
from schemas.ingestion import FeatureType


def test_every_type_is_parsed_the_same_way_everywhere() -> None:
    columns: dict[str, FeatureType] = {"text": "BYTES", "n": "INT", "x": "FLOAT"}
    assert dense_spec(columns) == {
        "text": tf.io.FixedLenFeature((), tf.string, ""),
        "n": tf.io.FixedLenFeature((), tf.int64, 0),
        "x": tf.io.FixedLenFeature((), tf.float32, 0.0),
    }
    assert tfrecords.parse_spec(columns, ragged=False) == dense_spec(columns)
