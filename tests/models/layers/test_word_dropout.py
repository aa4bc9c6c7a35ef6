import numpy as np

from models.layers.word_dropout import WordDropout

IDS = np.tile(np.array([[5, 6, 7, 8, 0, 0]]), (2000, 1))


def test_a_share_of_the_words_becomes_unknown_in_training_but_padding_stays() -> None:
    dropped = WordDropout(0.25, unknown=1, seed=2)(IDS, training=True).numpy()
    assert (dropped[:, 4:] == 0).all()
    assert set(np.unique(dropped)) == {0, 1, 5, 6, 7, 8}
    assert abs((dropped == 1).mean() * 6 / 4 - 0.25) < 0.02


def test_inference_keeps_every_word() -> None:
    np.testing.assert_array_equal(WordDropout(0.25, unknown=1)(IDS), IDS)
