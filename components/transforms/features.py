"""From serialized examples to what preprocessing and analysis see: raw features by the model's names for them."""

from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf

from models.dtypes import dense_spec
from schemas.ingestion import FeatureType


@dataclass(frozen=True)
class RawFeatures:
    """Which columns of an example are features.

    Args:
        columns: model input to column.
        types: column to its type.
    """

    columns: Mapping[str, str]
    types: Mapping[str, FeatureType]

    def parse(self, records: tf.Tensor) -> dict[str, tf.Tensor]:
        """Serialized examples to features, each `(batch_size,)`; a missing value is an empty string or zero."""
        spec = dense_spec({column: self.types[column] for column in self.columns.values()})
        parsed = tf.io.parse_example(records, spec)
        return {name: parsed[column] for name, column in self.columns.items()}
