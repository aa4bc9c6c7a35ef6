import numpy as np
import pytest
import tensorflow as tf

from models.linear import Linear, LinearHyperparameters

FACTS = {"ngrams": ["good", "bad"], "idf": np.array([1.0, 1.0], np.float32)}


def test_scores_are_those_of_a_linear_layer_on_unit_vectors() -> None:
    family = Linear(LinearHyperparameters(ngrams=(1, 1)), ["text"])
    network = family.network(FACTS, 2)
    network.get_layer("logits").set_weights([np.array([[0, 0], [3, -3], [-3, 3]]), np.array([0.5, 0])])
    inputs = family.preprocess(FACTS)({"text": tf.constant(["Good!", "bad bad", "good bad", "?"])})
    logits = network({name: value.to_tensor() for name, value in inputs.items()})
    np.testing.assert_allclose(logits, [[3.5, -3], [-2.5, 3], [0.5, 0], [0.5, 0]], atol=1e-5)


def test_an_n_gram_must_have_a_sensible_length() -> None:
    with pytest.raises(ValueError, match="between 1 and 5 words"):
        LinearHyperparameters(ngrams=(2, 1))


def test_a_rate_that_suits_cross_entropy_is_not_used_for_squares() -> None:
    assert Linear.recipe("regression")["learning_rate"] < Linear.recipe("classification")["learning_rate"]
