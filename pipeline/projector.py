"""Vectors of inputs in files that TensorBoard's projector reads, and anything else that reads tab-separated values."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from pipeline.new_folder import new_folder
from pipeline.prediction import Row, SavedModel

VECTORS, METADATA, CONFIG = "vectors.tsv", "metadata.tsv", "projector_config.pbtxt"
_SIGNATURE: Final = "embed"
_LONGEST_SHOWN: Final = 200


def write_vectors(model: SavedModel, rows: Iterable[Row], folder: Path) -> int:
    """Writes a folder, which appears once it is whole.

    Args:
        model: with a signature `embed`.
        rows: what is embedded, read as it is needed.
        folder: gets `vectors.tsv`, a vector a line; `metadata.tsv`, what each is of and the model's answer; and
            `projector_config.pbtxt`, by which `tensorboard --logdir` finds both.

    Returns:
        The number of vectors.

    Raises:
        ConfigError: the folder is there and not empty, or its parent is not; or as for `SavedModel.ask`.
        TrainworksError: the model fails on a row.
    """
    with new_folder(folder) as temporary:
        return _write(model, rows, temporary)


def _write(model: SavedModel, rows: Iterable[Row], folder: Path) -> int:
    from google.protobuf import text_format
    from tensorboard.plugins.projector import ProjectorConfig

    count = dim = 0
    with (
        (folder / VECTORS).open("w", encoding="ascii", newline="") as vectors,
        (folder / METADATA).open("w", encoding="utf-8", newline="") as metadata,
    ):
        of_vectors, of_metadata = (csv.writer(file, "excel-tab", lineterminator="\n") for file in (vectors, metadata))
        of_metadata.writerow(("input", "answer"))  # a header, as more than one column wants it
        for row, vector, answer in _embedded(model, rows):
            of_vectors.writerow([f"{number:.7g}" for number in vector])
            of_metadata.writerow((_shown(row), answer))
            count, dim = count + 1, len(vector)
    config = ProjectorConfig()
    config.embeddings.add(
        tensor_name="embedding", tensor_path=VECTORS, metadata_path=METADATA, tensor_shape=(count, dim)
    )
    (folder / CONFIG).write_text(text_format.MessageToString(config), encoding="utf-8")
    return count


def _embedded(model: SavedModel, rows: Iterable[Row]) -> Iterator[tuple[Row, Sequence[float], str]]:
    """Rows, their vectors and the model's answers in a word."""
    for batch in model.batches(rows):
        vectors = model.ask(_SIGNATURE, batch)
        for row, outputs, prediction in zip(batch, vectors, model.predict(batch), strict=True):
            told = prediction.outputs.get("label", prediction.outputs.get("prediction", ""))
            if prediction.labels is not None:
                told = ", ".join(prediction.labels)
            yield row, outputs["embedding"], str(told)


def _shown(row: Row) -> str:
    """A row on one line, without what separates columns."""
    text = " ".join(" ".join(row.values()).split())
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…"
