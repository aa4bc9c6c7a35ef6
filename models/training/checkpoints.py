"""Checkpoints of a training: everything that decides the rest of it, so that a resumed run is bit for bit the same.

tf.train.CheckpointManager writes the data first and then renames its `checkpoint` file into place, so a kill at any
moment leaves the previous checkpoint or the new one.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from schemas.errors import TrainingError

Logs = dict[str, float]

_PLAIN = bool | int | float | str | None


@dataclass
class Position:
    """Where a training stands, apart from its variables.

    Attributes:
        epoch: epochs finished.
        step: steps done in the epoch that runs.
        sums: what these steps add up to (`Sums.values`).
        seconds: time they took.
        history: logs of the finished epochs.
        best_epoch: the epoch with the best `monitor`, counted from 0; -1 before the first.
        stopped: training ended before its last epoch.
        callbacks: plain attributes of each callback.
    """

    epoch: int = 0
    step: int = 0
    sums: list[float] = field(default_factory=list)
    seconds: float = 0.0
    history: list[Logs] = field(default_factory=list)
    best_epoch: int = -1
    stopped: bool = False
    callbacks: list[dict[str, Any]] = field(default_factory=list)


EPOCH_SECONDS = 2.0
"""Epochs that follow each other faster than this share a checkpoint."""


class Checkpoints:
    """The newest checkpoint in a folder.

    Args:
        folder: where to write; None to write none.
        variables: groups of variables, by name: weights, optimizer, ...
        seconds: least time between two checkpoints within an epoch.
    """

    def __init__(self, folder: Path | None, variables: Mapping[str, Sequence[tf.Variable]], seconds: float) -> None:
        self._position = tf.Variable("", dtype=tf.string, trainable=False)
        self._seconds, self._written = seconds, time.monotonic()
        self._manager = None
        if folder is not None:
            checkpoint = tf.train.Checkpoint(
                position=self._position, **{name: list(group) for name, group in variables.items()}
            )
            self._manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=1)

    @property
    def due(self) -> bool:
        """Whether enough time has gone by for the next one within an epoch."""
        return self._elapsed >= self._seconds

    @property
    def due_at_epoch_end(self) -> bool:
        """Whether an epoch that ends now is worth one: writing it takes as long as a few hundred texts."""
        return self._elapsed >= min(self._seconds, EPOCH_SECONDS)

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._written if self._manager is not None else -1.0

    def save(self, position: Position) -> None:
        """Writes the variables and the position."""
        if self._manager is None:
            return
        self._position.assign(json.dumps(asdict(position)))
        self._manager.save()
        self._written = time.monotonic()

    def restore(self) -> Position | None:
        """Sets the variables to the newest checkpoint's and returns its position; None if there is none.

        Raises:
            TrainingError: the checkpoint cannot be read or belongs to another model.
        """
        if self._manager is None or not self._manager.latest_checkpoint:
            return None
        path = self._manager.latest_checkpoint
        try:
            self._manager.checkpoint.restore(path).assert_consumed()
        except (AssertionError, ValueError, tf.errors.OpError) as error:
            raise TrainingError(
                f"The checkpoint {path} does not fit this model or is damaged."
                f" Delete its folder to train from the start. ({str(error).splitlines()[0]})"
            ) from error
        return Position(**json.loads(self._position.numpy()))


def callback_state(callback: keras.callbacks.Callback) -> dict[str, Any]:
    """A callback's attributes that are plain numbers, words or lists of them, such as EarlyStopping's `wait`."""
    plain = {name: _plain(value) for name, value in vars(callback).items() if name not in ("params", "_model")}
    return {name: value for name, value in plain.items() if value is not ...}


def restore_callback(callback: keras.callbacks.Callback, state: Mapping[str, Any]) -> None:
    """Sets what `callback_state` found."""
    for name, value in state.items():
        setattr(callback, name, value)


def _plain(value: Any) -> Any:
    """The value if JSON can hold it, else an ellipsis."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list):
        items = [_plain(item) for item in value]
        return ... if ... in items else items
    return value if isinstance(value, _PLAIN) else ...
