"""Decoded pictures on disk for the time of a training, where memory would not hold them.

The files have no name any more once they are mapped, so that the disk gets its space back however the process ends.
"""

import shutil
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import tensorflow as tf

from schemas.errors import ConfigError


class MappedRows:
    """Rows of dense tensors in memory-mapped files; the system's page cache holds what is used often.

    Args:
        folder: where the files are written; made if need be.
        name: the split's; a killed process leaves files of that name, which the next one overwrites.
        pieces: tensors by name, `(rows, ...)`, in order.
        size: bytes of all pieces.

    Raises:
        ConfigError: the disk has less free space than that.
    """

    def __init__(self, folder: Path, name: str, pieces: Iterable[dict[str, tf.Tensor]], size: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if size > free:
            raise ConfigError(
                f"`training.cache: disk` must find {size / 1e9:.3g} GB of free disk for the decoded pictures of"
                f" `{name}`. Received: {free / 1e9:.3g} GB. Try `cache: auto`, which decodes them anew in each epoch."
            )
        self._arrays = _written(folder, name, pieces)

    def __getitem__(self, name: str) -> np.ndarray:
        """All rows of one tensor."""
        return self._arrays[name]

    def gather(self, rows: tf.Tensor) -> dict[str, tf.Tensor]:
        """The rows of these numbers, `(n,)`, in a data set of this process."""
        arrays = self._arrays
        dtypes = [array.dtype for array in arrays.values()]
        found = tf.numpy_function(lambda numbers: [array[numbers] for array in arrays.values()], [rows], dtypes)
        for values, array in zip(found, arrays.values(), strict=True):
            values.set_shape((None, *array.shape[1:]))
        return dict(zip(arrays, found, strict=True))


def _written(folder: Path, name: str, pieces: Iterable[dict[str, tf.Tensor]]) -> dict[str, np.ndarray]:
    forms: dict[str, tuple[np.dtype, tuple[int, ...]]] = {}
    with ExitStack() as stack:
        files = {}
        for piece in pieces:
            for feature, values in piece.items():
                if feature not in files:
                    files[feature] = stack.enter_context((folder / f"{name}-{feature}").open("wb"))
                array = values.numpy()
                forms[feature] = (array.dtype, array.shape[1:])
                array.tofile(files[feature])
    arrays = {}
    for feature, (dtype, shape) in forms.items():
        path = folder / f"{name}-{feature}"
        arrays[feature] = np.asarray(np.memmap(path, dtype, "r")).reshape(-1, *shape)
        path.unlink()
    return arrays
