"""Learning rates that fall from layer to layer towards the input.

After Howard and Ruder, "Universal Language Model Fine-tuning" (arXiv:1801.06146): what is near the input is general,
and should change less than what is near the answer.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import keras
import tensorflow as tf

from models.training.phases import BACKBONE
from schemas.errors import ConfigError

_BLOCK: Final = re.compile(r"(?:transformer_layer|block)_(\d+)")
"""Names of a network's blocks: KerasHub's of its encoders, and ours."""


class LayerRates:
    """Slows a network's steps by layer, whatever the optimizer.

    With n blocks, the steps of block i (counted from 0) are `decay ** (n - i)` as long as they would be, those of
    layers before the blocks `decay ** (n + 1)`, and those of layers after them as they are. All of an optimizer's step,
    weight decay too, is proportional to its rate, so to shorten it afterwards is to have lowered the rate.

    Args:
        model: a built model. The layers of one named `backbone` count as its own.
        decay: in (0, 1).

    Raises:
        ConfigError: no layer is named `block_0` or `transformer_layer_0`.
    """

    def __init__(self, model: keras.Model, decay: float) -> None:
        self._strategy = tf.distribute.get_strategy()
        self.factors = {
            variable.path: decay**below for layer, below in _below_head(model) for variable in layer.trainable_variables
        }
        """The factor of each variable that is slowed, by its path."""
        slowed = [variable for variable in model.trainable_variables if variable.path in self.factors]
        self._variables = [(variable.value, self.factors[variable.path]) for variable in slowed]

    def positions(self) -> list[tf.Tensor]:
        """Where the slowed variables are before a step; called in the graph, across replicas."""
        return [tf.identity(variable) for variable, _ in self._variables]

    def shorten(self, before: Sequence[tf.Tensor]) -> None:
        """Takes back a part of the step since `positions`; called in the graph, across replicas."""
        for (variable, factor), position in zip(self._variables, before, strict=True):
            self._strategy.extended.update(variable, _toward, args=(position, factor), group=False)


def _toward(variable: tf.Variable, position: tf.Tensor, factor: float) -> None:
    variable.assign(position + (variable - position) * factor)


def _below_head(model: keras.Model) -> Iterator[tuple[keras.Layer, int]]:
    """The layers up to the last block, with the number of levels that each is below the head."""
    layers = list(_unnested(model))
    numbers = {layer.name: int(found[1]) for layer in layers if (found := _BLOCK.fullmatch(layer.name))}
    if not numbers:
        there = ", ".join(layer.name for layer in model.layers)
        raise ConfigError(
            "`training.layer_decay` is for networks of numbered blocks, as `bert` and `transformer` are (layers named"
            f" `block_0`, `block_1`, ...); for others leave it out. Received: layer_decay, and a network of the layers"
            f" {there}"
        )
    count = max(numbers.values()) + 1
    first = next(index for index, layer in enumerate(layers) if layer.name in numbers)
    for index, layer in enumerate(layers):
        if layer.name in numbers:
            yield layer, count - numbers[layer.name]
        elif index < first:
            yield layer, count + 1


def _unnested(model: keras.Model) -> Iterator[keras.Layer]:
    """Layers from the input to the output, with those of the backbone in its place."""
    for layer in model.layers:
        if layer.name == BACKBONE and isinstance(layer, keras.Model):
            yield from layer.layers
        else:
            yield layer
