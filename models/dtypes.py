"""Column types as TensorFlow's: one table for what is trained on and what is served, whose equality rests on it."""

from collections.abc import Mapping
from typing import Final

import tensorflow as tf

from schemas.ingestion import FeatureType

DTYPES: Final[Mapping[FeatureType, tf.DType]] = {"BYTES": tf.string, "INT": tf.int64, "FLOAT": tf.float32}

EMPTY: Final[Mapping[FeatureType, str | int | float]] = {"BYTES": "", "INT": 0, "FLOAT": 0.0}
"""What stands for a missing value."""


def dense_spec(columns: Mapping[str, FeatureType]) -> dict[str, tf.io.FixedLenFeature]:
    """The spec for tf.io.parse_example of columns of one value each, `(batch_size,)`."""
    return {name: tf.io.FixedLenFeature((), DTYPES[kind], EMPTY[kind]) for name, kind in columns.items()}
