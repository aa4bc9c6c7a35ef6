"""Vectors that a model makes of a sample of examples: what the drift of texts and of pictures is told by."""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.warmup import input_arrays, rows_of
from schemas.ingestion import FeatureType
from schemas.tfrecords import read_records

_SIGNATURE: Final = "embed"
_ROWS: Final = 32


@dataclass(frozen=True)
class Sampled:
    """Examples to draw from.

    Args:
        shards: TFRecord files of serialized tf.Example.
        columns: type of each column.
    """

    shards: Sequence[Path]
    columns: Mapping[str, FeatureType]

    def records(self, count: int) -> list[bytes]:
        """So many examples at random, the same whatever the order of the shards; no more are ever in memory."""
        drawn = heapq.nsmallest(count, ((blake2b(record, digest_size=8).digest(), record) for record in self._all()))
        return [record for _, record in drawn]

    def _all(self) -> Iterator[bytes]:
        for shard in self.shards:
            with shard.open("rb") as file:
                yield from read_records(file)


class Embedder:
    """A loaded model that makes vectors.

    Args:
        serving: a SavedModel with a signature `embed`.
        features: model input to column.
    """

    def __init__(self, serving: Path, features: Mapping[str, str]) -> None:
        import tensorflow_text  # noqa: F401 - registers the ops of exported tokenizers

        self._features = features
        self._model = tf.saved_model.load(str(serving))  # owns what the signature uses
        self._signature = self._model.signatures[_SIGNATURE]

    def vectors(self, sampled: Sampled, count: int) -> NDArray[np.float32]:
        """Finite vectors of at most so many examples, `(count, dim)`; like lengths are asked together."""
        records = sorted(sampled.records(count), key=len)
        types = {name: sampled.columns[column] for name, column in self._features.items()}
        found = []
        for start in range(0, len(records), _ROWS):
            rows = rows_of(records[start : start + _ROWS], self._features, sampled.columns)
            found.append(self._ask(input_arrays(rows, types)))
        vectors = np.concatenate(found) if found else np.empty((0, 1), np.float32)
        return vectors[np.isfinite(vectors).all(axis=1)]

    def _ask(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        answer = self._signature(**{name: tf.constant(values) for name, values in inputs.items()})
        vectors: NDArray[np.float32] = answer["embedding"].numpy()
        return vectors
