"""Losses, measures and answers, by hand-computed values."""

import numpy as np
import tensorflow as tf

from models.tasks import Pretraining

HEAD = Pretraining(4)
LABELS = tf.constant([[2, 3], [1, 0], [0, 0]], tf.int64)
SHARES = np.array([[[0.1, 0.2, 0.6, 0.1], [0.7, 0.1, 0.1, 0.1]], [[0.1, 0.5, 0.2, 0.2]] * 2, [[0.25] * 4] * 2])


def test_an_example_counts_by_its_hidden_pieces() -> None:
    np.testing.assert_array_equal(HEAD.units(LABELS), [2.0, 1.0, 0.0])


def test_the_loss_is_the_mean_over_them() -> None:
    logits = tf.constant(np.log(SHARES), tf.float32)
    expected = [-(np.log(0.6) + np.log(0.1)) / 2, -np.log(0.5), 0.0]
    np.testing.assert_allclose(HEAD.loss(logits, LABELS), expected, rtol=1e-6)
    (right,) = HEAD.measure(logits, LABELS)
    np.testing.assert_array_equal(right, [0.5, 1.0, 0.0])


def test_what_an_encoder_says_of_a_text() -> None:
    answers = HEAD.answers(tf.constant([[3.0, 2.0, 1.5, 1.0, 2.5, 9.0, 9.0]]))  # and a vector
    assert {name: value.numpy().tolist() for name, value in answers.items()} == {
        "masked_tokens": [3],
        "masked_correct": [2],
        "masked_log_loss": [1.5],
        "unigram_correct": [1],
        "unigram_log_loss": [2.5],
    }
    assert answers["masked_tokens"].dtype == tf.int64
