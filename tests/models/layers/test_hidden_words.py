import numpy as np

from models.layers.hidden_words import WordScores

SHARES = np.array([[[0.1, 0.2, 0.6, 0.1], [0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7]]], np.float32)
UNIGRAM = np.log(np.array([0.1, 0.2, 0.2, 0.5], np.float32))


def test_scores_by_hand() -> None:
    found = WordScores(UNIGRAM)(np.log(SHARES), np.array([[2, 3, 0]]))
    expected = [2.0, 1.0, -(np.log(0.6) + np.log(0.1)), 1.0, -(np.log(0.2) + np.log(0.5))]
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)
