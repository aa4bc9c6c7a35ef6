"""What training must know of its labels beforehand: how often each class comes, how large the numbers are."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

from schemas.errors import ConfigError


def class_weights(
    setting: Literal["balanced"] | Mapping[str, float] | None, classes: Sequence[str], labels: Iterator[np.ndarray]
) -> list[float] | None:
    """The weight of each class, in order.

    `balanced` gives n / (classes * n_class), as scikit-learn does, so that the weights of all examples average to 1;
    a class without examples gets 1. A mapping gives 1 to the labels it does not name.

    Args:
        setting: `training.class_weights`.
        classes: the labels' words.
        labels: indices of the training split, in pieces; read only for `balanced`.

    Raises:
        ConfigError: the setting names a label that there is not.
    """
    if setting is None:
        return None
    if setting == "balanced":
        counts = sum((np.bincount(piece, minlength=len(classes)) for piece in labels), np.zeros(len(classes), np.int64))
        present = np.maximum(counts, 1)
        weights = np.where(counts > 0, counts.sum() / (len(classes) * present), 1.0)
        return [float(weight) for weight in weights]
    for name in setting:
        if name not in classes:
            raise ConfigError(f"`training.class_weights` must name labels of {', '.join(classes)}. Received: {name}")
    return [float(setting.get(name, 1.0)) for name in classes]


def moments(labels: Iterator[np.ndarray]) -> tuple[float, float]:
    """Mean and standard deviation of a regression's labels."""
    count, mean, squares = 0, 0.0, 0.0
    for piece in labels:
        values = piece.astype(np.float64)
        delta, merged = values.mean() - mean, count + len(values)
        # Chan, Golub and LeVeque 1979: merging means and sums of squares without cancellation.
        squares += float(np.square(values - values.mean()).sum()) + delta * delta * count * len(values) / merged
        mean += delta * len(values) / merged
        count = merged
    return mean, float(np.sqrt(squares / max(count, 1)))
