import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

from models.layers.fused_encoder import FusedEncoder

WORDS = np.random.default_rng(1).normal(size=(3, 8, 32)).astype(np.float32)
THERE = np.arange(8) < np.array([[8], [5], [1]])
_KEY_BIAS = 5
"""The place of its gradient; softmax does not change with it, so that is nothing but rounding."""


def made(kind: type[keras.layers.Layer], dropout: float, dtype: str = "float32") -> keras.layers.Layer:
    keras.utils.set_random_seed(1)
    layer = kind(
        intermediate_dim=64,
        num_heads=4,
        dropout=dropout,
        activation="gelu",
        kernel_initializer="he_normal",
        bias_initializer="random_normal",
        dtype=dtype,
    )
    layer.build((None, None, 32))
    return layer


def trained(layer: keras.layers.Layer) -> list[np.ndarray]:
    """What comes out in training, where there are words, and all gradients."""

    @tf.function
    def step(words: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(words)
            output = tf.boolean_mask(tf.cast(layer(words, padding_mask=THERE, training=True), tf.float32), THERE)
            loss = tf.reduce_sum(output * tf.sin(tf.range(32.0)))
        return [output, *tape.gradient(loss, [words, *(v.value for v in layer.trainable_variables)])]

    return [np.asarray(value) for value in step(tf.constant(WORDS))]


def test_training_differs_from_the_parents_by_rounding() -> None:
    ours, theirs = (trained(made(kind, 0.0)) for kind in (FusedEncoder, keras_hub.layers.TransformerEncoder))
    assert len(ours) == 2 + 16
    for place, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        scale = 1.0 if place == _KEY_BIAS else np.abs(other).max()
        np.testing.assert_allclose(one / scale, other / scale, atol=2e-6)


def test_bfloat16_is_as_near_to_float32_as_the_parents() -> None:
    exact = trained(made(FusedEncoder, 0.0))
    ours, theirs = (
        trained(made(kind, 0.0, "mixed_bfloat16")) for kind in (FusedEncoder, keras_hub.layers.TransformerEncoder)
    )
    for place in set(range(len(exact))) - {_KEY_BIAS}:
        error, allowed = (np.abs(side[place] - exact[place]).mean() for side in (ours, theirs))
        assert error <= 1.5 * allowed, place


def test_inference_drops_nothing_and_is_as_near_to_the_parents() -> None:
    ours, theirs = (made(kind, 0.5) for kind in (FusedEncoder, keras_hub.layers.TransformerEncoder))
    found, expected = (np.asarray(layer(WORDS, padding_mask=THERE)) for layer in (ours, theirs))
    np.testing.assert_allclose(found[THERE], expected[THERE], atol=2e-6)


def test_attention_is_the_parents() -> None:
    ours, theirs = (made(kind, 0.5) for kind in (FusedEncoder, keras_hub.layers.TransformerEncoder))
    for found, expected in zip(
        ours(WORDS, padding_mask=THERE, return_attention_scores=True),
        theirs(WORDS, padding_mask=THERE, return_attention_scores=True),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)


def test_dropout_follows_the_seed_of_the_layers() -> None:
    first, again = (made(FusedEncoder, 0.5) for _ in range(2))
    once, same = trained(first), trained(again)
    np.testing.assert_array_equal(once[0], same[0])
    np.testing.assert_array_equal(once[1], same[1])
    then = trained(first)
    assert np.abs(then[0] - once[0]).mean() > 0.1
    seeds = [variable for variable in first.variables if "seed" in variable.path]
    assert {int(seed.numpy()[1]) for seed in seeds} == {2}


@pytest.mark.parametrize("rate", [0.0, 0.5])
def test_weights_and_seeds_are_those_of_the_parent(rate: float) -> None:
    ours, theirs = (made(kind, rate) for kind in (FusedEncoder, keras_hub.layers.TransformerEncoder))
    assert [(w.path.split("/", 1)[1], w.shape) for w in ours.weights] == [
        (w.path.split("/", 1)[1], w.shape) for w in theirs.weights
    ]
