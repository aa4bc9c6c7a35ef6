from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.lstm import Lstm, LstmHyperparameters

FACTS = {"vocabulary": ["the", "cat", "sat", "mat"]}
IDS = np.array([[2, 3, 4, 5], [3, 1, 0, 0]])


def family(**settings: object) -> Lstm:
    return Lstm(LstmHyperparameters.model_validate({"embedding_dim": 8, "units": 4, **settings}), ["text"])


@pytest.mark.parametrize("pooling", ["last", "max", "mean", "max_mean"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_padding_changes_no_logit(pooling: str, bidirectional: bool) -> None:
    network = family(pooling=pooling, bidirectional=bidirectional, layers=2).network(FACTS, 3)
    logits = network({"token_ids": IDS})
    assert logits.shape == (2, 3)
    np.testing.assert_allclose(network({"token_ids": IDS[1:, :2]}), logits[1:], atol=1e-6)
    np.testing.assert_allclose(network({"token_ids": np.pad(IDS, ((0, 0), (0, 5)))}), logits, atol=1e-6)


def test_word_vectors_of_the_corpus_are_where_training_starts() -> None:
    facts = family().refine(FACTS, [{"token_ids": tf.constant(IDS)}])
    assert FACTS.keys() == {"vocabulary"}
    table = family().network(facts, 3).get_layer("embedding").get_weights()[0]
    np.testing.assert_array_equal(table, facts["word_vectors"])
    assert table.shape == (6, 8)


def test_random_word_vectors_need_no_corpus() -> None:
    assert family(word_vectors="random").refine(FACTS, []) is FACTS


def test_a_saved_network_answers_alike(tmp_path: Path) -> None:
    facts = family().refine(FACTS, [{"token_ids": tf.constant(IDS)}])
    network = family().network(facts, 3)
    network.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again({"token_ids": IDS}), network({"token_ids": IDS}))
