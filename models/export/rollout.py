"""Attention rollout in the graph: how much of the vector that an answer is made of comes from each token.

Abnar & Zuidema, "Quantifying Attention Flow in Transformers" (arXiv:2005.00928). It follows the attention from the last
layer to the first; of gradients, and of what the answer is, it knows nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final, Self

import keras
import tensorflow as tf

from models.export.hooks import instead
from models.export.parts import POOLED
from models.export.reading import Reading
from models.layers.self_attention import SelfAttention
from models.tasks import TaskHead
from models.text.word_ids import IDS
from models.training.phases import BACKBONE

_RETURNS_ATTENTION: Final = {
    SelfAttention: "return_attention",
    keras.layers.MultiHeadAttention: "return_attention_scores",
}
"""Layers of attention, ours and KerasHub's, and the argument that has them answer `(output, attention)`."""

_VECTORS_RANK: Final = 3


class Attending:
    """A network from ids to logits whose attention can be looked at.

    Args:
        network: see `of`.
    """

    def __init__(self, network: keras.Model) -> None:
        self._network = network
        self._backbone, self._pooled = network.get_layer(BACKBONE), network.get_layer(POOLED)
        self._layers = _attention_layers(self._backbone)

    @classmethod
    def of(cls, network: keras.Model) -> Self | None:
        """None unless the network takes `token_ids`, and has a `backbone` with layers of attention that gives each
        token a vector, and a layer `pooled` that makes one of them."""
        layers = {layer.name: layer for layer in network.layers}
        inputs = [tensor.name for tensor in getattr(network, "inputs", None) or ()]
        backbone = layers.get(BACKBONE)
        if IDS not in inputs or POOLED not in layers or not isinstance(backbone, keras.Model):
            return None
        return cls(network) if _gives_vectors(backbone) and _attention_layers(backbone) else None

    def looked_at(self, inputs: Mapping[str, tf.Tensor]) -> tuple[list[tf.Tensor], tf.Tensor, tf.Tensor]:
        """The attention of each layer from the first, `(batch_size, heads, length, length)`; how much of the pooled
        vector each token's last vector is, float32 `(batch_size, length)`; and the logits, float32."""
        attention, states, pooled = list[tf.Tensor](), list[tf.Tensor](), list[tf.Tensor]()

        def watch(call: Callable[..., tf.Tensor], *args: Any, **kwargs: Any) -> tf.Tensor:
            states.append(call(*args, **kwargs))
            tape.watch(states[-1])
            return states[-1]

        def remember(call: Callable[..., tf.Tensor], *args: Any, **kwargs: Any) -> tf.Tensor:
            pooled.append(call(*args, **kwargs))
            return pooled[-1]

        with ExitStack() as stack:
            tape = stack.enter_context(tf.GradientTape(watch_accessed_variables=False))
            stack.enter_context(instead(self._backbone, watch))
            stack.enter_context(instead(self._pooled, remember))
            for layer in self._layers:
                stack.enter_context(instead(layer, _kept(attention, _RETURNS_ATTENTION[type(layer)])))
            logits = self._network(inputs, training=False)
        gradient = tape.gradient(pooled[0], states[0], unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return attention, _pooling(gradient), tf.cast(logits, tf.float32)


class TextRollout:
    """Says what a network's answers about texts draw on.

    Args:
        attending: the network.
        reading: from texts to its inputs.
        task: makes answers of logits.
    """

    def __init__(self, attending: Attending, reading: Reading, task: TaskHead) -> None:
        self._attending, self._reading, self._task = attending, reading, task

    def __call__(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Answers, and for each example its tokens and their shares.

        Args:
            features: the texts, each string `(batch_size,)`.

        Returns:
            What the task answers; `tokens` and what goes with them (see `models/export/reading.py`), and `attributions`
            float32, each `(batch_size, length)`: no token's is below 0, an example's sum to 1, and after the end of a
            shorter text all are 0.
        """
        inputs, tokens = self._reading(features)
        attention, pooling, logits = self._attending.looked_at(inputs)
        return {
            **tokens,
            "attributions": rollout(attention, pooling, inputs[IDS] > 0),
            **self._task.answers(logits),
        }


def rollout(attention: Sequence[tf.Tensor], pooling: tf.Tensor, there: tf.Tensor) -> tf.Tensor:
    """Shares of tokens in a pooled vector, through all layers.

    With A the attention of a layer, its heads averaged, half of what a layer gives is taken for what it was given:

        B = (A + I) / 2, its rows divided by their sums        (n, n)
        shares = pooling B_last ... B_2 B_1                    (n,)

    Args:
        attention: of each layer from the first, `(batch_size, heads, length, length)`.
        pooling: share of each token's last vector in the pooled one, float32 `(batch_size, length)`.
        there: bool `(batch_size, length)`, false where there is padding, which has no share.

    Returns:
        float32 `(batch_size, length)`.
    """
    mask = tf.cast(there, tf.float32)
    shares = pooling * mask
    itself = tf.eye(tf.shape(pooling)[1])
    for layer in reversed(attention):
        mixed = (tf.reduce_mean(tf.cast(layer, tf.float32), axis=1) + itself) / 2.0 * mask[:, None, :]
        shares = tf.linalg.matvec(_shares(mixed), shares, transpose_a=True)
    return shares


def _pooling(gradient: tf.Tensor) -> tf.Tensor:
    """How much of a pooled vector is each token's, of the gradient of its channels' sum, `(batch_size, length, width)`.

    That is exact for the poolings there are: of a mean, all tokens' are alike; of the first vector, it is the first
    token's; and of a maximum, a token's is the share of the channels in which it is the largest.
    """
    return _shares(tf.reduce_sum(tf.abs(tf.cast(gradient, tf.float32)), axis=-1))


def _shares(numbers: tf.Tensor) -> tf.Tensor:
    """Rows divided by their sums."""
    return tf.math.divide_no_nan(numbers, tf.reduce_sum(numbers, axis=-1, keepdims=True))


def _gives_vectors(backbone: keras.Model) -> bool:
    """Whether it answers `(batch_size, length, width)`, and nothing else."""
    output = getattr(backbone, "output", None)
    return isinstance(output, keras.KerasTensor) and len(output.shape) == _VECTORS_RANK


def _attention_layers(backbone: keras.Model) -> list[keras.layers.Layer]:
    layers = backbone._flatten_layers(include_self=False, recursive=True)
    return [layer for layer in layers if type(layer) in _RETURNS_ATTENTION]


def _kept(attention: list[tf.Tensor], argument: str) -> Callable[..., Any]:
    """A call that keeps the attention, in the order in which layers are asked, and answers what it is asked for."""

    def call(own: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        output, weights = own(*args, **{**kwargs, argument: True})
        attention.append(weights)
        return (output, weights) if kwargs.get(argument) else output

    return call
