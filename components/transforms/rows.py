"""Finding the rows that broke a rule: examples are scanned only then, in batches, one split and column at a time."""

from dataclasses import dataclass

import numpy as np

from components.transforms.tfrecords import batch_size_for, read_batches
from components.validation.inspection import ValueTest
from schemas.artifacts import Examples
from schemas.ingestion import SOURCE, FeatureType

_SHOWN = 5
_LONGEST = 80


@dataclass(frozen=True)
class ScannedRows:
    """Looks up rows in an Examples artifact."""

    examples: Examples
    columns: dict[str, FeatureType]

    def find(self, split: str, column: str, test: ValueTest) -> tuple[int, tuple[str, ...]]:
        """How often a test holds, and the first rows where it does, `file:line: value`."""
        if column not in self.columns:
            return 0, ()
        spec: dict[str, FeatureType] = {column: self.columns[column], SOURCE: "BYTES"}
        shards = self.examples.shards(split)
        batch_size = batch_size_for(shards, self.examples.ingestion().rows.get(split, 0))
        count, rows = 0, list[str]()
        for batch in read_batches([str(path) for path in shards], spec, ragged=True, batch_size=batch_size):
            values, splits = batch[column].values.numpy(), batch[column].row_splits.numpy()
            owners, places = _matches(values, splits, test)
            count += len(owners)
            for owner, place in list(zip(owners.tolist(), places.tolist(), strict=True))[: _SHOWN - len(rows)]:
                source = b"".join(batch[SOURCE][owner].numpy().tolist()).decode("utf-8", "backslashreplace")
                rows.append(source if place < 0 else f"{source}: {_shown(values[place], test)}")
        return count, tuple(rows)


def _matches(values: np.ndarray, splits: np.ndarray, test: ValueTest) -> tuple[np.ndarray, np.ndarray]:
    """The examples and the values that a test holds for; -1 for the value where it is about the whole example."""
    lengths = np.diff(splits)
    if test.missing or test.more_than is not None or test.fewer_than is not None:
        wrong = np.zeros(len(lengths), np.bool_)
        if test.missing:
            wrong |= lengths == 0
        if test.more_than is not None:
            wrong |= lengths > test.more_than
        if test.fewer_than is not None:
            wrong |= (lengths > 0) & (lengths < test.fewer_than)
        owners = np.flatnonzero(wrong)
        return owners, np.full(len(owners), -1)
    places = np.flatnonzero(_wrong_values(values, test))
    return np.searchsorted(splits, places, side="right") - 1, places


def _wrong_values(values: np.ndarray, test: ValueTest) -> np.ndarray:
    if test.outside is not None:
        domain = {value.encode() for value in test.outside}
        return np.fromiter((value not in domain for value in values.tolist()), np.bool_, len(values))
    if test.unlike is not None:
        return _unlike(values, test.unlike)
    if test.larger_than is not None:
        return np.fromiter(map(len, values), np.int64, len(values)) > test.larger_than
    wrong = np.zeros(len(values), np.bool_)
    if test.low is not None:
        wrong |= values < test.low
    if test.high is not None:
        wrong |= values > test.high
    if test.not_finite:
        wrong |= ~np.isfinite(values)
    return wrong


def _unlike(values: np.ndarray, kind: FeatureType) -> np.ndarray:
    """Texts that are no number, numbers that are not whole, or numbers where texts were; text may be a number."""
    if kind == "BYTES":
        return np.ones(len(values), np.bool_)
    if values.dtype == object:
        return np.fromiter((not _is_number(value, kind) for value in values.tolist()), np.bool_, len(values))
    return (values != np.round(values)) if kind == "INT" else np.zeros(len(values), np.bool_)


def _is_number(text: bytes, kind: FeatureType) -> bool:
    try:
        int(text) if kind == "INT" else float(text)
    except ValueError:
        return False
    return True


def _shown(value: object, test: ValueTest) -> str:
    if test.larger_than is not None and isinstance(value, bytes):
        return f"{len(value):,} bytes"
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else f"{value}"
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
