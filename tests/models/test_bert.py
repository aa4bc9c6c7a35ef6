import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from models.bert import SIZES, Bert, BertHyperparameters
from models.layers.fused_encoder import FusedEncoder
from models.pretraining import PretrainedFamily
from models.tasks import Classification
from models.training.optimizers import make_optimizer, undecayed
from models.training.steps import Steps
from models.training.strategies import precision
from schemas.config import TrainingConfig
from schemas.errors import ConfigError
from tests.models.text.hugging_face import PIECES, last_hidden_state, write

IDS = np.array([[2, 32, 33, 34, 3], [2, 33, 3, 0, 0]])


def family(base: Path, features: tuple[str, ...] = ("text",), **settings: object) -> Bert:
    given = {"weights": "bert", "sequence_length": 12, **settings}
    made = Bert(BertHyperparameters.model_validate(given), features)
    made.base = base
    return made


def test_the_vocabulary_is_that_of_the_weights(tmp_path: Path) -> None:
    write(tmp_path / "bert")
    bert = family(tmp_path)
    facts = bert.given_facts()
    assert facts == {"vocabulary": PIECES, "lower_case": 1}
    assert not bert.analyzers()
    assert list(bert.files()) == list(bert.files_of_facts()) == [tmp_path / "bert"]
    assert bert.preprocess(facts)({"text": tf.constant(["The cat"])})["token_ids"].to_list() == [[2, 32, 33, 3]]


def test_the_mean_of_the_last_layer_is_what_the_head_sees(tmp_path: Path) -> None:
    weights = write(tmp_path / "bert")
    network = family(tmp_path).network({"vocabulary": PIECES, "lower_case": 1}, 3)
    pooled = keras.Model(network.input, network.get_layer("pooled").output)({"token_ids": IDS})
    hidden = last_hidden_state(weights, IDS[1, :3], np.zeros(3, int))
    np.testing.assert_allclose(pooled[1], hidden.mean(0), atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "first", "max"])
def test_padding_changes_no_logit(tmp_path: Path, pooling: str) -> None:
    write(tmp_path / "bert")
    network = family(tmp_path, pooling=pooling).network({"vocabulary": PIECES, "lower_case": 1}, 3)
    logits = network({"token_ids": IDS})
    assert logits.shape == (2, 3)
    np.testing.assert_allclose(network({"token_ids": IDS[1:, :3]}), logits[1:], atol=1e-5)


def test_a_pair_has_segments(tmp_path: Path) -> None:
    write(tmp_path / "bert")
    facts = {"vocabulary": PIECES, "lower_case": 1}
    bert = family(tmp_path, ("question", "answer"))
    inputs = bert.preprocess(facts)({"question": tf.constant(["the cat"]), "answer": tf.constant(["sat"])})
    dense = {name: value.to_tensor() for name, value in inputs.items()}
    network = bert.network(facts, 3)
    other = {**dense, "segment_ids": tf.zeros_like(dense["segment_ids"])}
    assert not np.allclose(network(dense), network(other), atol=1e-3)


def test_frozen_weights_are_not_trained(tmp_path: Path) -> None:
    write(tmp_path / "bert")
    network = family(tmp_path, freeze="all").network({"vocabulary": PIECES, "lower_case": 1}, 3)
    assert {weight.path.split("/")[0] for weight in network.trainable_weights} == {"logits"}


def test_without_weights_there_is_a_size_and_a_vocabulary_of_the_corpus(tmp_path: Path) -> None:
    bert = family(tmp_path, weights="none", size="tiny")
    assert bert.given_facts() == {"lower_case": 1}
    assert len(bert.analyzers()) == 1
    network = bert.network({"vocabulary": PIECES, "lower_case": 1}, 3)
    assert network.get_layer("backbone").output.shape == (None, None, SIZES["tiny"].width)
    layers = [layer.name for layer in network.get_layer("backbone").layers if "transformer_layer" in layer.name]
    assert layers == ["transformer_layer_0", "transformer_layer_1"]


def test_a_vocabulary_that_is_given_is_not_learned(tmp_path: Path) -> None:
    (tmp_path / "pieces.txt").write_text("".join(f"{piece}\n" for piece in PIECES), encoding="utf-8")
    bert = family(tmp_path, weights="none", size="tiny", vocabulary="pieces.txt")
    assert bert.given_facts() == {"vocabulary": PIECES, "lower_case": 1}
    assert not bert.analyzers() and not bert.files()
    assert bert.files_of_facts() == [tmp_path / "pieces.txt"]
    (tmp_path / "pieces.txt").write_text("[PAD]\nthe\n")
    with pytest.raises(
        ConfigError, match=r"^`model\.vocabulary`: a vocabulary must begin with .* Received: pieces\.txt"
    ):
        bert.given_facts()


def test_weight_decay_is_for_kernels_alone(tmp_path: Path) -> None:
    write(tmp_path / "bert")
    network = family(tmp_path).network({"vocabulary": PIECES, "lower_case": 1}, 3)
    exempt = {id(variable) for variable in undecayed(network)}
    names = {id(variable) in exempt: set() for variable in network.trainable_variables}
    for variable in network.trainable_variables:
        names[id(variable) in exempt].add(variable.name)
    assert names == {False: {"kernel"}, True: {"bias", "embeddings", "beta", "gamma"}}


def test_the_error_function_stays_exact_in_bfloat16(tmp_path: Path) -> None:
    write(tmp_path / "bert")
    keras.utils.set_random_seed(1)
    facts = {"vocabulary": PIECES, "lower_case": 1}
    with precision("mixed_bfloat16"):
        network = family(tmp_path).network(facts, 3)
    layers = [layer for layer in network._flatten_layers() if layer.name == "feedforward_intermediate_dense"]
    x = np.linspace(-6, 6, 241, dtype=np.float32)
    narrow = keras.ops.cast(x, "bfloat16")
    expected = keras.activations.gelu(keras.ops.cast(narrow, "float32"), approximate=False)
    for layer in layers:
        found = layer.activation(narrow)
        assert found.dtype == "bfloat16"
        np.testing.assert_array_equal(
            keras.ops.cast(found, "float32"), keras.ops.cast(keras.ops.cast(expected, "bfloat16"), "float32")
        )
    plain = family(tmp_path).network(facts, 3)
    assert {
        layer.activation for layer in plain._flatten_layers() if layer.name == "feedforward_intermediate_dense"
    } == {keras.activations.gelu}


def test_kernels_are_of_bfloat16_and_of_one_replica_alone(tmp_path: Path) -> None:
    write(tmp_path / "bert")
    facts = {"vocabulary": PIECES, "lower_case": 1}

    def fused(policy: str) -> int:
        with precision(policy):
            layers = family(tmp_path).network(facts, 3)._flatten_layers()
        return sum(isinstance(layer, FusedEncoder) for layer in layers)

    assert fused("float32") == 0
    assert fused("mixed_bfloat16") == (0 if tf.config.list_physical_devices("GPU") else 2)


def test_lengths_of_batches_are_few_and_none_exceeds_the_limit(tmp_path: Path) -> None:
    assert family(tmp_path, sequence_length=192).length_multiple == 8
    assert family(tmp_path, sequence_length=12).length_multiple == 1
    assert PretrainedFamily(family(tmp_path, sequence_length=64)).length_multiple == 8


def test_bfloat16_trains_and_a_float32_network_comes_of_it(tmp_path: Path) -> None:
    write(tmp_path / "bert")
    bert = family(tmp_path, lora={"rank": 2})
    facts = {"vocabulary": PIECES, "lower_case": 1}
    keras.utils.set_random_seed(1)
    with precision("mixed_bfloat16"):
        network = bert.network(facts, 3)
    before = network.get_weights()
    config = TrainingConfig(optimizer="adamw", learning_rate=0.01)
    steps = Steps(
        network, make_optimizer(config, network, 2), Classification(["a", "b", "c"]), tf.distribute.get_strategy()
    )
    batch = ({"token_ids": IDS}, np.array([0, 1]), np.ones(2, np.float32))
    sums = steps.train(iter(tf.data.Dataset.from_tensors(batch).repeat()), 2)
    assert sums.broken_step == -1
    changed = [not np.array_equal(old, new) for old, new in zip(before, network.get_weights(), strict=True)]
    assert any(changed)

    plain = bert.network(facts, 3)
    plain.set_weights(network.get_weights())
    merged = bert.exported(plain, facts, 3)
    assert {layer.compute_dtype for layer in merged._flatten_layers()} == {"float32"}
    np.testing.assert_allclose(merged({"token_ids": IDS}), plain({"token_ids": IDS}), atol=1e-5)


def test_a_saved_network_answers_alike(tmp_path: Path) -> None:
    write(tmp_path / "bert")
    network = family(tmp_path).network({"vocabulary": PIECES, "lower_case": 1}, 3)
    network.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again({"token_ids": IDS}), network({"token_ids": IDS}))


@pytest.mark.parametrize(
    ("config", "rate"),
    [
        ({"model_type": "bert", "hidden_size": 768}, 1e-4),
        ({"model_type": "bert", "hidden_size": 384}, 2e-4),
        ({"model_type": "bert", "hidden_size": 1024}, 7.5e-5),
        ({"model_type": "bert", "hidden_size": 16}, 5e-4),  # no higher than for random weights
        ({"model_type": "distilbert", "dim": 384, "hidden_dim": 1536}, 2e-4),
        ({"config": {"hidden_dim": 384}}, 2e-4),  # a preset of KerasHub
        ({"config": []}, 1e-4),
        ({"model_type": "bert", "hidden_size": "wide"}, 1e-4),
        ([], 1e-4),
    ],
)
def test_the_rate_of_given_weights_goes_by_their_width(tmp_path: Path, config: object, rate: float) -> None:
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    found = Bert.recipe_for("classification", {"weights": "bert"}, tmp_path)["learning_rate"]
    assert found == pytest.approx(rate)


def test_given_weights_are_tuned_gently() -> None:
    assert Bert.recipe_for("classification", {"weights": "bert"})["learning_rate"] == 1e-4
    assert Bert.recipe_for("classification", {"weights": "bert", "lora": {"rank": 8}})["learning_rate"] == 5e-4
    assert Bert.recipe_for("classification", {})["learning_rate"] == 5e-4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"freeze": "all"}, "`freeze` is for given weights"),
        ({"weights": "bert", "size": "tiny"}, "`size` is for `weights: none`"),
        ({"weights": "bert", "vocabulary": "v.txt"}, "`vocabulary` is for `weights: none`"),
        ({"vocabulary_size": 500, "vocabulary": "v.txt"}, "`vocabulary_size` is for pieces that are learned"),
        ({"weights": "bert", "vocabulary_size": 500}, "`vocabulary_size` is for `weights: none`"),
        ({"weights": "bert", "freeze": 0}, "greater than or equal to 1"),
        ({"lora": {"rank": 4}}, "`lora` is for given weights"),
        ({"weights": "bert", "freeze": "all", "lora": {}}, "leave `freeze` out"),
    ],
)
def test_no_setting_is_passed_over(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        BertHyperparameters.model_validate(settings)
