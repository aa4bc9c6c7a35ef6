"""Schedules, decay and clipping, by hand-computed values."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.training.optimizers import WarmupThenDecay, clip, make_optimizer, make_schedule, undecayed
from schemas.config import TrainingConfig


def rates(config: TrainingConfig, steps: list[int]) -> list[float]:
    schedule = make_schedule(config, total_steps=100)
    return [float(schedule(step)) for step in steps]


def test_constant_rate_stays_a_number():
    assert make_schedule(TrainingConfig(learning_rate=0.5), 100) == 0.5


def test_linear_with_warmup():
    config = TrainingConfig(learning_rate=1.0, learning_rate_schedule="linear", warmup_steps=20)

    np.testing.assert_allclose(rates(config, [0, 10, 20, 60, 100, 120]), [0, 0.5, 1, 0.5, 0, 0], atol=1e-7)


def test_cosine_with_warmup_as_a_share():
    config = TrainingConfig(learning_rate=1.0, learning_rate_schedule="cosine", warmup_steps=0.2)

    np.testing.assert_allclose(rates(config, [10, 20, 40, 60, 100]), [0.5, 1, 0.85355339, 0.5, 0], atol=1e-6)


def test_constant_after_warmup():
    np.testing.assert_allclose(rates(TrainingConfig(learning_rate=2.0, warmup_steps=4), [1, 4, 99]), [0.5, 2, 2])


def test_schedule_survives_serialization():
    schedule = WarmupThenDecay(0.1, "cosine", 3, 30)
    restored = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))

    assert restored.get_config() == schedule.get_config()


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop", "adagrad", "lamb", "lion", "nadam"])
def test_every_optimizer_takes_a_step(name, build_network):
    model = build_network()
    optimizer = make_optimizer(TrainingConfig(optimizer=name), model, 10)
    before = model.get_weights()
    optimizer.apply([tf.ones(v.shape) for v in model.trainable_variables], model.trainable_variables)

    assert all((old != new).all() for old, new in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize("name", ["sgd", "rmsprop"])
def test_momentum_goes_where_it_is_known(name, build_network):
    assert make_optimizer(TrainingConfig(optimizer=name, momentum=0.9), build_network(), 10).momentum == 0.9


@pytest.mark.parametrize("name", ["adam", "adamw", "adagrad", "lamb", "lion", "nadam"])
def test_momentum_goes_nowhere_else(name, build_network):
    """Not to an optimizer that the file puts in the place of the recipe's."""
    plain = make_optimizer(TrainingConfig(optimizer=name), build_network(), 10).get_config()
    given = make_optimizer(TrainingConfig(optimizer=name, momentum=0.9), build_network(), 10).get_config()

    assert {**given, "name": plain["name"]} == plain


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [("adamw", None, 0.004), ("adamw", 0.0, 0.0), ("adamw", 0.1, 0.1), ("adam", None, None), ("adam", 0.1, 0.1)],
)
def test_adamw_decays_unless_told_not_to(name, given, expected, build_network):
    optimizer = make_optimizer(TrainingConfig(optimizer=name, weight_decay=given), build_network(), 10)

    assert type(optimizer).__name__.lower() == f"fused{name}"
    assert optimizer.weight_decay == expected


def test_decay_leaves_biases_embeddings_and_norms_alone():
    tokens = keras.Input((None,), dtype="int64")
    hidden = keras.layers.LayerNormalization()(keras.layers.Embedding(10, 4)(tokens))
    model = keras.Model(tokens, keras.layers.Dense(2)(keras.layers.LSTM(3)(hidden)))
    exempt = {id(variable) for variable in undecayed(model)}

    decayed = [v.path.split("/", 1)[1] for v in model.trainable_variables if id(v) not in exempt]
    assert decayed == ["lstm_cell/kernel", "lstm_cell/recurrent_kernel", "kernel"]


def test_decoupled_decay_shrinks_kernels_by_rate_times_decay():
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")]
    )
    config = TrainingConfig(optimizer="sgd", learning_rate=0.1, weight_decay=0.5)
    optimizer = make_optimizer(config, model, 10)
    optimizer.apply([tf.zeros(v.shape) for v in model.trainable_variables], model.trainable_variables)

    np.testing.assert_allclose(model.get_weights()[0], [[0.95], [0.95]])
    np.testing.assert_allclose(model.get_weights()[1], [1.0])


def test_clips_by_global_norm():
    clipped = clip([tf.constant([3.0, 0.0]), None, tf.constant([4.0])], norm=1.0)

    np.testing.assert_allclose(clipped[0], [0.6, 0.0], rtol=1e-6)
    assert clipped[1] is None
    np.testing.assert_allclose(clipped[2], [0.8], rtol=1e-6)
    np.testing.assert_allclose(clip([tf.constant([3.0, 4.0])], norm=10.0)[0], [3.0, 4.0])


def test_rows_that_stand_twice_are_summed_before_the_norm():
    slices = tf.IndexedSlices(tf.constant([[3.0], [1.0], [3.0]]), tf.constant([5, 2, 5]), tf.constant([9, 1]))
    dense = tf.convert_to_tensor(clip([slices], norm=1.0)[0])

    np.testing.assert_allclose(tf.norm(dense), 1.0, rtol=1e-6)
    np.testing.assert_allclose(dense[5], [6 / 37**0.5], rtol=1e-6)


def test_float16_scales_the_loss(build_network):
    optimizer = make_optimizer(TrainingConfig(precision="mixed_float16"), build_network(), 10)

    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    np.testing.assert_allclose(clip([tf.constant([3.0, 4.0])], 1.0, tf.constant(10.0))[0], [3.0, 4.0])
