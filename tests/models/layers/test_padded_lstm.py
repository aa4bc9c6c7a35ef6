import keras
import numpy as np
import pytest
import tensorflow as tf

from models.layers.padded_lstm import PaddedLSTM

LENGTHS = np.array([7, 3, 1], np.int32)


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 7, 5)).astype(np.float32)


def masked_states(layer: PaddedLSTM, x: np.ndarray) -> np.ndarray:
    """What Keras' masked layers give."""
    mask = tf.sequence_mask(LENGTHS, x.shape[1])
    forward = layer.forward(x, mask=mask)
    backward = keras.layers.LSTM(4, return_sequences=True, go_backwards=True, zero_output_for_mask=True)
    backward.build(x.shape)
    backward.set_weights(layer.backward.get_weights())
    return np.concatenate([forward, np.flip(backward(x, mask=mask), axis=1)], axis=-1)


@pytest.mark.parametrize("training", [True, False])
def test_states_within_a_text_equal_a_masked_lstm_s(x: np.ndarray, training: bool) -> None:
    layer = PaddedLSTM(4)
    states = layer(x, LENGTHS, training=training).numpy()
    expected = masked_states(layer, x)
    assert states.shape == (3, 7, 8)
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(states[row, :length], expected[row, :length], atol=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_padding_cannot_reach_a_text(x: np.ndarray, training: bool) -> None:
    layer = PaddedLSTM(4)
    longer = np.concatenate([x, np.full((3, 4, 5), 9.0, np.float32)], axis=1)
    states, padded = (layer(value, LENGTHS, training=training).numpy() for value in (x, longer))
    for row, length in enumerate(LENGTHS):
        np.testing.assert_allclose(states[row, :length], padded[row, :length], atol=1e-6)


def test_fused_inference_equals_training_s_loop(x: np.ndarray) -> None:
    layer = PaddedLSTM(4, bidirectional=False)
    np.testing.assert_allclose(layer(x, LENGTHS, training=False), layer(x, LENGTHS, training=True), atol=1e-6)


def test_a_saved_model_gives_the_same(x: np.ndarray, tmp_path) -> None:
    inputs, lengths = keras.Input((None, 5)), keras.Input((), dtype="int32")
    model = keras.Model([inputs, lengths], PaddedLSTM(4)(inputs, lengths))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model([x, LENGTHS]), again([x, LENGTHS]))


def test_the_gradient_in_inference_is_that_of_training(x: np.ndarray) -> None:
    layer = PaddedLSTM(4)
    layer(x, LENGTHS)

    def gradients(training: bool) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            given = tf.constant(x)
            tape.watch(given)
            states = layer(given, tf.constant(LENGTHS), training=training)[:, 0]
            total = tf.reduce_sum(states * tf.range(8.0))
        found: list[tf.Tensor] = tape.gradient(total, [given, *(v.value for v in layer.trainable_variables)])
        return found

    for ours, theirs in zip(gradients(training=False), gradients(training=True), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
