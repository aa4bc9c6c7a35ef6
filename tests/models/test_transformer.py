from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError
from safetensors.numpy import load_file, save_file

from models.pretraining import PretrainedFamily
from models.tasks import Pretraining
from models.transformer import Transformer, TransformerHyperparameters
from schemas.errors import ConfigError
from tests.models.text.hugging_face import write

FACTS = {"vocabulary": ["the", "cat", "sat", "mat"]}
IDS = np.array([[2, 3, 4, 5], [3, 1, 0, 0]])


def family(**settings: object) -> Transformer:
    return Transformer(TransformerHyperparameters.model_validate({"width": 8, "heads": 2, **settings}), ["text"])


@pytest.mark.parametrize("pooling", ["max", "mean", "max_mean"])
def test_padding_changes_no_logit(pooling: str) -> None:
    network = family(pooling=pooling).network(FACTS, 3)
    logits = network({"token_ids": IDS})
    assert logits.shape == (2, 3)
    np.testing.assert_allclose(network({"token_ids": IDS[1:, :2]}), logits[1:], atol=1e-5)
    np.testing.assert_allclose(network({"token_ids": np.pad(IDS, ((0, 0), (0, 5)))}), logits, atol=1e-5)


def test_the_order_of_words_matters() -> None:
    network = family(word_vectors="random").network(FACTS, 3)
    assert not np.allclose(network({"token_ids": IDS[:, ::-1][:1]}), network({"token_ids": IDS[:1]}), atol=1e-4)


def test_word_vectors_of_the_corpus_are_where_training_starts() -> None:
    facts = family().refine(FACTS, [{"token_ids": tf.constant(IDS)}])
    table = family().network(facts, 3).get_layer("backbone").get_layer("embedding").get_weights()[0]
    np.testing.assert_array_equal(table, facts["word_vectors"])
    assert table.shape == (6, 8)


def test_random_word_vectors_need_no_corpus() -> None:
    assert family(word_vectors="random").refine(FACTS, []) is FACTS


def test_heads_must_share_the_width() -> None:
    with pytest.raises(ValidationError, match="`width` must be a multiple of `heads`"):
        family(width=9)


def test_a_saved_network_answers_alike(tmp_path: Path) -> None:
    network = family().network(FACTS, 3)
    network.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again({"token_ids": IDS}), network({"token_ids": IDS}))


def pretrained(folder: Path) -> tuple[Transformer, keras.Model]:
    """A family that was pretrained, and its encoder as it was left in a folder."""
    keras.utils.set_random_seed(3)
    made = family(layers=1, hidden=12, word_vectors="random")
    encoder = made.encoder(FACTS)
    folder.mkdir(parents=True)
    made.save_checkpoint(encoder.get_layer("backbone"), FACTS, folder)
    return made, encoder


def given(base: Path, **settings: object) -> Transformer:
    made = Transformer(TransformerHyperparameters.model_validate({"weights": "served/texts", **settings}), ["text"])
    made.base = base
    return made


def test_an_encoder_of_another_pipeline_is_where_training_starts(tmp_path: Path) -> None:
    folder = tmp_path / "served" / "texts" / "3" / "assets.extra" / "checkpoint"
    _, encoder = pretrained(folder)
    tuned = given(tmp_path)
    assert tuned.given_facts() == FACTS and not tuned.analyzers() and tuned.refine(FACTS, []) is FACTS
    assert tuned.files() == tuned.files_of_facts() == [folder]
    assert tuned.vector_size == 8
    network = tuned.network(FACTS, 3)
    np.testing.assert_array_equal(network.get_layer("backbone")(IDS), encoder({"token_ids": IDS}))


def test_an_encoder_that_does_not_fit(tmp_path: Path) -> None:
    folder = tmp_path / "served" / "texts"
    pretrained(folder)
    with pytest.raises(ConfigError, match="has another vocabulary than when the data was prepared"):
        given(tmp_path).network({"vocabulary": ["the", "cat"]}, 3)
    weights = load_file(folder / "model.safetensors")
    gone = weights.pop("block_0/attention/query_kernel")
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ConfigError, match="Received: missing: block_0/attention/query_kernel"):
        given(tmp_path).network(FACTS, 3)
    save_file({**weights, "block_0/attention/query_kernel": gone[:4]}, folder / "model.safetensors")
    with pytest.raises(ConfigError, match=r"query_kernel \(4, 8\) instead of \(8, 8\)"):
        given(tmp_path).network(FACTS, 3)
    (folder / "vocab.txt").write_text("the\ncat\n")
    with pytest.raises(ConfigError, match="the vocabulary has 2 words, the network 4"):
        given(tmp_path).given_facts()
    (folder / "model.safetensors").rename(folder / "model.bin")
    with pytest.raises(ConfigError, match=r"model\.bin instead, a pickle"):
        given(tmp_path).given_facts()
    write(folder)
    with pytest.raises(ConfigError, match=r"this family trained or pushed\. .* which holds a model of type bert"):
        given(tmp_path).given_facts()


def test_words_and_size_are_those_of_the_weights() -> None:
    with pytest.raises(ValidationError, match="`width` is for `weights: none`; given weights have their own"):
        TransformerHyperparameters.model_validate({"weights": "served/texts", "width": 64})


def test_a_hidden_word_is_an_unknown_one(tmp_path: Path) -> None:
    made = PretrainedFamily(family(layers=1, word_vectors="random"))
    facts = made.refine(FACTS, [{"token_ids": tf.constant(IDS)}])
    assert facts["piece_counts"].tolist() == [2, 1, 1, 2, 1, 1]
    network = made.network(facts, 6)
    _, fixed = made.masking(facts)
    inputs, labels = fixed({"token_ids": tf.constant(IDS)}, None, None)
    assert (inputs["token_ids"].numpy()[0] == 1).sum() == np.count_nonzero(labels[0])
    assert network(inputs).shape == (*labels.shape, 6)
    told = made.exported(network, facts, 6)({"token_ids": IDS})
    assert told.shape == (2, 5 + 8)
    np.testing.assert_allclose(told[:, 2], Pretraining(6).loss(network(inputs), labels) * told[:, 0], rtol=1e-5)
