"""Asking a SavedModel in a folder, with TensorFlow and tensorflow_text alone: none of our own model code is needed."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.logs import silenced
from pipeline.picture_files import picture_size, read_picture
from schemas.artifacts import INPUTS
from schemas.errors import ConfigError, TrainworksError

_SIGNATURE: Final = "serving_default"
_BATCH_ROWS, _BATCH_BYTES = 256, 64 << 20
_BOILERPLATE: Final = ("Graph execution error", "Detected at node", "<stack traces", "File ", "Node:", "[[")

_ASSERTION: Final = re.compile(r"^assertion failed: \[(.*?)(?: \(picture \d+ of the batch\))?\]$")

Scalar = str | int | float | bytes
Row = Mapping[str, str]
"""Model input to its value, as a person wrote it; for a picture, the path of its file."""


@dataclass(frozen=True)
class Prediction:
    """An answer: every output of the signature; where there are classes, their scores, best first; where an example may
    have several, `labels`, those it has."""

    outputs: Mapping[str, Any]  # scalars or nested lists of them, as the model's outputs are
    scores: tuple[tuple[str, float], ...] = ()
    labels: tuple[str, ...] | None = None


def model_folder(path: Path) -> Path:
    """The SavedModel at or below a path.

    Args:
        path: a SavedModel (a pushed version, say), a folder of versions (the newest is taken), or a Model artifact.

    Raises:
        ConfigError: there is none.
    """
    if (path / "saved_model.pb").is_file():
        return path
    if (path / "Format-Serving" / "saved_model.pb").is_file():
        return path / "Format-Serving"
    if not path.is_dir():
        raise ConfigError(
            f"{path}: must be a folder that holds a model. Received: {'a file' if path.exists() else 'nothing there'}"
        )
    versions = [child for child in path.iterdir() if child.name.isdecimal() and (child / "saved_model.pb").is_file()]
    if versions:
        return max(versions, key=lambda child: int(child.name))
    below = sorted({str(found.parent.parent) for found in path.glob("*/*/saved_model.pb")})
    hint = f" Did you mean {' or '.join(below[:3])}?" if below else ""
    raise ConfigError(
        f"{path}: must be a folder with saved_model.pb, or with versions of a model (1, 2, ...), or a Model artifact."
        f"{hint}"
    )


class SavedModel:
    """A loaded model.

    Args:
        path: see `model_folder`.

    Raises:
        ConfigError: there is no model, or it does not load, or it has no signature that takes one value an input.
    """

    def __init__(self, path: Path) -> None:
        self.folder = model_folder(path)
        self._loaded = _load(self.folder)  # owns the variables that the signature uses
        if _SIGNATURE not in self._loaded.signatures:
            names = ", ".join(self._loaded.signatures) or "none"
            raise ConfigError(f"{self.folder}: the model must have signature `{_SIGNATURE}`. Received: {names}")
        self._specs = self._loaded.signatures[_SIGNATURE].structured_input_signature[1]
        for name, spec in self._specs.items():
            if spec.shape.rank != 1:
                raise ConfigError(
                    f"{self.folder}: input `{name}` must take one value an example, shape (batch,)."
                    f" Received: shape {spec.shape}"
                )
        labels = self.folder / "assets" / "labels.txt"
        self.classes = labels.read_text(encoding="utf-8").splitlines() if labels.is_file() else []
        """The label's words in the order of the scores; empty for a regression or somebody else's model."""
        self._pictures = _pictures(self.folder)

    @property
    def takes_pictures(self) -> bool:
        """Whether an input is an encoded picture."""
        return bool(self._pictures)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the model's inputs, sorted: a SavedModel keeps no order of its own."""
        return tuple(sorted(self._specs))

    @property
    def signatures(self) -> tuple[str, ...]:
        """Names of the model's signatures, sorted."""
        return tuple(sorted(self._loaded.signatures))

    def batches(self, rows: Iterable[Row]) -> Iterator[list[Row]]:
        """Rows in batches that fit into memory, whatever the pictures' files hold."""
        batch, size = list[Row](), 0
        for row in rows:
            more = sum(picture_size(row[name]) for name in self._pictures if name in row)
            if batch and (len(batch) == _BATCH_ROWS or size + more > _BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(row)
            size += more
        if batch:
            yield batch

    def predict(self, rows: Sequence[Row]) -> list[Prediction]:
        """One prediction a row; a row has a value for each of `inputs`.

        Raises:
            ConfigError: a value is not of the input's type, or a picture's file cannot be read.
            TrainworksError: the model fails on these values.
        """
        return [self.prediction(outputs) for outputs in self.ask(_SIGNATURE, rows)]

    def ask(self, signature: str, rows: Sequence[Row], **more: int) -> list[dict[str, Any]]:
        """The outputs of a signature by name, for each row; `more` has the same value for all.

        Raises:
            ConfigError: there is no such signature, or as for `predict`.
            TrainworksError: the model fails on these values.
        """
        import tensorflow as tf

        if signature not in self._loaded.signatures:
            names = ", ".join(self.signatures)
            raise ConfigError(f"{self.folder}: the model must have signature `{signature}`. Received: {names}")
        tensors = {
            name: tf.constant([self._value(row[name], name) for row in rows], spec.dtype)
            for name, spec in self._specs.items()
        }
        tensors |= {name: tf.constant([value] * len(rows), tf.int64) for name, value in more.items()}
        try:
            outputs = {name: tensor.numpy() for name, tensor in self._loaded.signatures[signature](**tensors).items()}
        except tf.errors.OpError as error:
            if len(rows) > 1:  # alone, one of them fails and is named
                return [answer for row in rows for answer in self.ask(signature, [row], **more)]
            what = " ".join(rows[0][name] for name in self._pictures) or "this input"
            raise TrainworksError(f"{self.folder}: the model fails on {what}: {_reason(error)}") from error
        return [{name: _plain(value[i]) for name, value in outputs.items()} for i in range(len(rows))]

    def _value(self, written: str, name: str) -> Scalar:
        return read_picture(written, name) if name in self._pictures else _typed(written, name, self._specs[name].dtype)

    def prediction(self, outputs: dict[str, Any]) -> Prediction:
        """What the outputs of an answer say."""
        scores, predicted = outputs.get("scores"), outputs.get("predicted")
        if not isinstance(scores, list):
            return Prediction(outputs)
        names = self.classes if len(self.classes) == len(scores) else [str(index) for index in range(len(scores))]
        ranked = tuple(sorted(zip(names, scores, strict=True), key=lambda pair: -pair[1]))
        if not (isinstance(predicted, list) and len(predicted) == len(names)):
            return Prediction(outputs, ranked)
        kept = {name: value for name, value in outputs.items() if name != "predicted"}
        return Prediction(kept, ranked, tuple(name for name, has in zip(names, predicted, strict=True) if has))


def _pictures(folder: Path) -> tuple[str, ...]:
    """Inputs that take encoded pictures, as the model itself says."""
    path = folder / "assets" / INPUTS
    kinds = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return tuple(name for name, kind in kinds.items() if kind == "image")


def _typed(value: str, name: str, dtype: Any) -> Scalar:
    """A written value as the input's dtype (a tf.DType) wants it."""
    try:
        if dtype.is_integer:
            return int(value)
        if dtype.is_floating:
            return float(value)
    except ValueError as error:
        raise ConfigError(f"`{name}` must be a number ({dtype.name}). Received: {name}={value!r}") from error
    return value


def _plain(value: Any) -> Any:
    """A NumPy value as Python's own; bytes are text."""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return _plain(value.tolist()) if hasattr(value, "tolist") else value


def _reason(error: Exception) -> str:
    """The line of TensorFlow's message that says what went wrong; of an assertion in the graph, what it says."""
    lines = [line.strip() for line in str(error).splitlines()]
    reason = next((line for line in lines if line and not line.startswith(_BOILERPLATE)), type(error).__name__)
    said = _ASSERTION.search(reason)
    return said[1] if said else reason


def _load(folder: Path) -> Any:  # the class that TensorFlow makes up for what it loads
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silenced():
        import tensorflow as tf
        import tensorflow_text  # noqa: F401 - registers its operations

        try:
            return tf.saved_model.load(str(folder))
        except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
            raise ConfigError(f"{folder}: the model does not load: {_reason(error)}") from error
