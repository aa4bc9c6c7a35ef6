"""A network of ids, seen from the vectors that its ids become."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import keras
import tensorflow as tf

from models.export.hooks import instead

EMBEDDINGS: Final = ("embedding", "token_embedding")
"""Names of the layer that makes vectors of ids: ours, and KerasHub's."""


class Embedded:
    """A network from model inputs to logits whose vectors of ids can be looked at, and others put in their place.

    Args:
        network: with one layer named as EMBEDDINGS says, at any depth.

    Raises:
        ValueError: it has no such layer.
    """

    def __init__(self, network: keras.Model) -> None:
        layer = embedding(network)
        if layer is None:
            raise ValueError(f"`network` must have one layer named {' or '.join(EMBEDDINGS)}. Received: {network.name}")
        self._network, self._layer = network, layer

    def looked_at(self, inputs: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """What the ids become, `(batch_size, length, dim)`, and the logits, float32 `(batch_size, outputs)`."""
        seen: list[tf.Tensor] = []

        def remember(call: Callable[..., tf.Tensor], *args: Any, **kwargs: Any) -> tf.Tensor:
            seen.append(call(*args, **kwargs))
            return seen[-1]

        with instead(self._layer, remember):
            logits = self._network(inputs, training=False)
        return seen[0], tf.cast(logits, tf.float32)

    def logits(self, inputs: Mapping[str, tf.Tensor], vectors: tf.Tensor) -> tf.Tensor:
        """The logits, float32, if the ids became these vectors."""
        with instead(self._layer, lambda call, *args, **kwargs: vectors):
            return tf.cast(self._network(inputs, training=False), tf.float32)


def embedding(network: keras.Model) -> keras.layers.Embedding | None:
    """The one layer that makes vectors of ids; None where there is none, or where it cannot be told which."""
    layers = network._flatten_layers(include_self=False, recursive=True)
    found = [layer for layer in layers if isinstance(layer, keras.layers.Embedding) and layer.name in EMBEDDINGS]
    return found[0] if len(found) == 1 else None
