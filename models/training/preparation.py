"""From records to model inputs: parses examples, and preprocesses them where Transform left their features raw."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2

from models.dtypes import DTYPES
from schemas.features import LABEL, TYPES, is_image, load_schema

if TYPE_CHECKING:
    from models.family import Preprocess

FeatureSpec = Mapping[str, "tf.io.FixedLenFeature | tf.io.RaggedFeature"]

Prepared = dict[str, "tf.Tensor | tf.RaggedTensor"]


def feature_spec(schema_path: Path, features: Sequence[str] | None = None) -> FeatureSpec:
    """What to parse, from `transformed_metadata/schema.pbtxt`.

    A feature with a `shape` is dense, and a scalar has the empty shape; without one it is a list of varying length.
    `label` is a scalar unless it has a shape. Pixels, which are stored as one string, are a uint8 feature.

    Args:
        schema_path: the schema of the transformed examples.
        features: names to keep; all unless given.
    """
    found = load_schema(schema_path).feature
    return {feature.name: _parsed_as(feature) for feature in found if features is None or feature.name in features}


def _parsed_as(feature: schema_pb2.Feature) -> "tf.io.FixedLenFeature | tf.io.RaggedFeature":
    dtype, shape = DTYPES[TYPES[feature.type]], [dimension.size for dimension in feature.shape.dim]
    if is_image(feature) and shape:
        return tf.io.FixedLenFeature(shape, tf.uint8)
    if feature.HasField("shape") or feature.name == LABEL:
        return tf.io.FixedLenFeature(shape, dtype)
    return tf.io.RaggedFeature(dtype, row_splits_dtype=tf.int64)


def is_raw(spec: FeatureSpec) -> bool:
    """Whether examples hold raw features: a model input is never a string."""
    return any(feature.dtype == tf.string for feature in spec.values())


class Preparation:
    """Makes model inputs and `label` of records.

    Args:
        spec: features to parse, among them `label`; without it, labels are zeros.
        preprocess: from raw features to model inputs; None where examples hold model inputs.

    Attributes:
        is_raw: whether examples hold raw features.
        ragged: whether an input has rows of varying length.
        row_bytes: bytes of an example's inputs and label, where they are dense and pixels are among them; else None.
    """

    def __init__(self, spec: FeatureSpec, preprocess: "Preprocess | None" = None) -> None:
        self._spec, self._preprocess = dict(spec), preprocess
        self.is_raw = preprocess is not None
        self._pixels = {name: feature.shape for name, feature in spec.items() if feature.dtype == tf.uint8}
        self.ragged = any(isinstance(feature, tf.io.RaggedFeature) for feature in spec.values())
        self.row_bytes: int | None = None
        self._prepare: Callable[[tf.Tensor], Prepared] = self._parse
        if preprocess is not None or self._pixels:
            self._trace()

    def __call__(self, records: tf.Tensor) -> Prepared:
        """Serialized examples, string `(batch_size,)`, to tensors whose first dimension is `batch_size`."""
        return self._prepare(records)

    def labels(self, records: tf.Tensor) -> tf.Tensor:
        """The labels alone."""
        return tf.io.parse_example(records, {LABEL: self._spec[LABEL]})[LABEL]

    def _trace(self) -> None:
        """Traces once what every data set maps, and finds out what it gives."""
        traced = tf.function(
            self._parse, input_signature=[tf.TensorSpec((None,), tf.string, "records")], autograph=False
        ).get_concrete_function()
        self._prepare, specs = traced, traced.structured_outputs.values()
        self.ragged = any(isinstance(spec, tf.RaggedTensor | tf.RaggedTensorSpec) for spec in specs)
        if not self.ragged and all(spec.shape[1:].is_fully_defined() for spec in specs):
            self.row_bytes = sum(spec.dtype.size * spec.shape[1:].num_elements() for spec in specs)

    def _parse(self, records: tf.Tensor) -> Prepared:
        stored = {**self._spec, **{name: tf.io.FixedLenFeature((), tf.string) for name in self._pixels}}
        parsed = dict(tf.io.parse_example(records, stored))
        for name, shape in self._pixels.items():
            parsed[name] = tf.reshape(tf.io.decode_raw(parsed[name], tf.uint8), (-1, *shape))
        parsed.setdefault(LABEL, tf.zeros(tf.shape(records)[:1], tf.int64))  # of texts alone
        if self._preprocess is None:
            return parsed
        label = parsed.pop(LABEL)
        return {**self._preprocess(parsed), LABEL: label}
