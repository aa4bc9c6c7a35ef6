"""Rates by layer: their values, and steps that are shorter by just so much."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.tasks import Classification
from models.training.layer_rates import LayerRates
from models.training.optimizers import make_optimizer
from models.training.steps import Steps
from schemas.config import TrainingConfig
from schemas.errors import ConfigError

TOKENS = np.array([[3, 4, 5], [6, 7, 0]])


def network(*, nested: bool = False) -> keras.Model:
    """An embedding, two blocks and a head, the first three within a backbone where it is asked for."""
    keras.utils.set_random_seed(3)
    tokens = keras.Input((None,), dtype="int64", name="tokens")
    x = keras.layers.Embedding(10, 4, name="embedding")(tokens)
    for index in range(2):
        x = keras.layers.Dense(4, name=f"transformer_layer_{index}" if nested else f"block_{index}")(x)
    if nested:
        x = keras.Model(tokens, x, name="backbone")(tokens)
    x = keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model({"tokens": tokens}, keras.layers.Dense(2, name="logits")(x))


@pytest.mark.parametrize("nested", [False, True])
def test_each_block_has_a_constant_part_of_the_rate_above(nested):
    factors = LayerRates(network(nested=nested), 0.5).factors

    by_layer = {path.split("/")[-2]: factor for path, factor in factors.items()}
    first, second = ("transformer_layer_0", "transformer_layer_1") if nested else ("block_0", "block_1")
    assert by_layer == {"embedding": 0.125, first: 0.25, second: 0.5}
    assert len(factors) == 5


def test_a_network_without_blocks_is_refused():
    inputs = keras.Input((2,), name="x")
    with pytest.raises(ConfigError, match=r"`training.layer_decay` is for networks of numbered blocks.*x, logits"):
        LayerRates(keras.Model(inputs, keras.layers.Dense(2, name="logits")(inputs)), 0.5)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "lion"])
def test_a_step_is_shorter_by_that_part_whatever_the_optimizer(optimizer):
    def moved(decay: float | None) -> dict[str, np.ndarray]:
        model = network()
        before = {weight.path: weight.numpy() for weight in model.weights}
        config = TrainingConfig(optimizer=optimizer, learning_rate=0.1, weight_decay=0.3)
        steps = Steps(
            model,
            make_optimizer(config, model, 10),
            Classification(["a", "b"]),
            tf.distribute.get_strategy(),
            layer_rates=LayerRates(model, decay) if decay else None,
        )
        batch = ({"tokens": TOKENS}, np.array([0, 1]), np.ones(2, np.float32))
        steps.train(iter(tf.data.Dataset.from_tensors(batch)), 1)
        return {weight.path: weight.numpy() - before[weight.path] for weight in model.weights}

    whole, shorter = moved(None), moved(0.5)
    factors = LayerRates(network(), 0.5).factors
    assert any(np.abs(step).max() > 1e-3 for step in whole.values())
    for path, step in whole.items():
        np.testing.assert_allclose(shorter[path], step * factors.get(path, 1.0), atol=1e-7)
