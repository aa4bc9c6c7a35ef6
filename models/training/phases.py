"""Phases of a training: the head alone first, then what else may be trained, at a lower rate."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from schemas.config import TrainingConfig
from schemas.errors import ConfigError

BACKBONE = "backbone"
"""Name of the layer that other networks may start from, and that may be held as it is while its head learns."""


@dataclass(frozen=True)
class Phase:
    """Epochs with one optimizer.

    Attributes:
        first: its first epoch, counted from 0.
        epochs: how many there are.
        learning_rate: its highest.
        head_only: the backbone stays as it is.
    """

    first: int
    epochs: int
    learning_rate: float
    head_only: bool = False


def phases(config: TrainingConfig, epochs: int, model: keras.Model) -> list[Phase]:
    """One phase, or two where `head_epochs` asks for it and the backbone is not to stay as it is to the end.

    Raises:
        ConfigError: the network has no layer `backbone`.
    """
    head = max(1, round(config.head_epochs * epochs)) if 0 < config.head_epochs < 1 else int(config.head_epochs)
    head = min(head, epochs)
    if not head or not Held(model).learns:
        return [Phase(0, epochs, config.learning_rate)]
    fine = config.fine_tune_rate or config.learning_rate / 10
    found = [Phase(0, head, config.learning_rate, head_only=True)]
    return found if head == epochs else [*found, Phase(head, epochs - head, fine)]


class Held:
    """The backbone of a network, to be held as it is and let go again.

    While it is held its batch normalization uses the moving averages, which stay as they are.

    Raises:
        ConfigError: the network has no layer `backbone`.
    """

    def __init__(self, model: keras.Model) -> None:
        if BACKBONE not in [layer.name for layer in model.layers]:
            there = ", ".join(layer.name for layer in model.layers)
            raise ConfigError(
                f"`training.head_epochs` is for networks that have a layer `{BACKBONE}`; for others leave it out."
                f" Received: head_epochs, and a network of the layers {there}"
            )
        self._backbone = model.get_layer(BACKBONE)
        self._layers: Sequence[keras.Layer] = getattr(self._backbone, "layers", [])
        self._trained = [layer.trainable for layer in self._layers]
        self._learning = [variable.trainable for variable in self._backbone.variables]

    @property
    def learns(self) -> bool:
        """Whether any of it is to be trained."""
        return bool(self._backbone.trainable_variables)

    def hold(self) -> None:
        """Nothing of it is trained."""
        self._backbone.trainable = False

    def let_go(self) -> None:
        """What was to be trained is trained."""
        self._backbone.trainable = True
        for layer, trained in zip(self._layers, self._trained, strict=True):
            layer.trainable = trained
        for variable, learns in zip(self._backbone.variables, self._learning, strict=True):
            variable.trainable = learns
