"""Keras callbacks that training brings along."""

import time
from dataclasses import dataclass
from typing import Any, Protocol

import keras


class Advance(Protocol):
    """How a bar is moved on: by some steps, with numbers to show."""

    def __call__(self, steps: int = 1, **shown: float) -> None: ...


@dataclass
class _Pace:
    """Where this process stands; not a plain attribute of the callback, so that no checkpoint carries it along."""

    shown: int = 0
    epoch: int = 0
    step: int = 0
    since: float = 0.0


class ProgressReport(keras.callbacks.Callback):
    """Tells a progress bar of every inner loop: the epoch, the epoch's mean loss so far, and the speed.

    After a resume the first report moves the bar over what was done before.

    Args:
        advance: moves the bar on.
        batch_size: examples a step.
        steps: steps an epoch.
    """

    def __init__(self, advance: Advance, batch_size: int, steps: int) -> None:
        super().__init__()
        self._advance, self._batch_size, self._steps = advance, batch_size, steps
        self._pace = _Pace()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._pace.epoch = epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._pace.step, self._pace.since = batch, time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        pace = self._pace
        seconds = max(time.monotonic() - pace.since, 1e-9)
        speed = (batch + 1 - pace.step) * self._batch_size / seconds
        done = pace.epoch * self._steps + batch + 1
        shown = {"epoch": pace.epoch + 1, "loss": logs["loss"], "examples/s": speed}
        self._advance(done - pace.shown, **shown)
        pace.shown = done
