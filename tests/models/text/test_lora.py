"""Adapters: what learns, and that merging them changes no answer."""

from pathlib import Path

import keras
import numpy as np
import pytest

from models.bert import Bert, BertHyperparameters
from models.text.lora import adapt
from models.training.phases import Held
from schemas.errors import ConfigError
from tests.models.text.hugging_face import PIECES, write

IDS = np.array([[2, 32, 33, 34, 3], [2, 33, 3, 0, 0]])
FACTS = {"vocabulary": PIECES, "lower_case": 1}


@pytest.fixture
def bert(tmp_path: Path) -> Bert:
    write(tmp_path / "bert")
    settings = {"weights": "bert", "sequence_length": 12, "lora": {"rank": 2, "alpha": 6}}
    made = Bert(BertHyperparameters.model_validate(settings), ("text",))
    made.base = tmp_path
    return made


def test_adapters_and_the_head_learn_and_nothing_else(bert: Bert) -> None:
    network = bert.network(FACTS, 3)
    adapters = [v for v in network.trainable_variables if "lora_kernel" in v.name]
    others = {v.path for v in network.trainable_variables} - {v.path for v in adapters}

    layers = sum("transformer_layer" in layer.name for layer in network.get_layer("backbone").layers)
    assert len(adapters) == layers * 2 * 2
    assert others == {"logits/kernel", "logits/bias"}
    assert {v.shape[-1] if v.name.endswith("a") else v.shape[0] for v in adapters} == {2}


def test_untrained_adapters_change_nothing(bert: Bert) -> None:
    network = bert.network(FACTS, 3)
    plain = bert.exported(network, FACTS, 3)
    np.testing.assert_allclose(plain({"token_ids": IDS}), network({"token_ids": IDS}), atol=1e-6)


def test_merged_weights_answer_as_the_trained_network(bert: Bert) -> None:
    network = bert.network(FACTS, 3)
    before = network({"token_ids": IDS}).numpy()
    random = np.random.default_rng(5)
    for variable in network.trainable_variables:
        variable.assign(random.normal(size=variable.shape, scale=0.5))
    answers = network({"token_ids": IDS})
    plain = bert.exported(network, FACTS, 3)

    assert np.abs(answers - before).max() > 0.1
    np.testing.assert_allclose(plain({"token_ids": IDS}), answers, atol=1e-5)
    assert not [variable.path for variable in plain.variables if "lora" in variable.path]


def test_a_head_that_learns_first_leaves_the_given_weights_frozen(bert: Bert) -> None:
    network = bert.network(FACTS, 3)
    before = [variable.path for variable in network.trainable_variables]
    held = Held(network)
    held.hold()
    assert {variable.path for variable in network.trainable_variables} == {"logits/kernel", "logits/bias"}
    held.let_go()
    assert [variable.path for variable in network.trainable_variables] == before


def test_an_encoder_without_attention_is_refused() -> None:
    inputs = keras.Input((2,))
    with pytest.raises(ConfigError, match=r"`model.lora` is for encoders whose attention"):
        adapt(keras.Model(inputs, keras.layers.Dense(2)(inputs)), 2, 2.0)
