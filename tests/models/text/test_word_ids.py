import tensorflow as tf

from models.text.word_ids import IDS, WordIds

word_ids = WordIds(["the", "cat"], ["text"], sequence_length=3)


def test_ids_follow_the_vocabulary() -> None:
    found = word_ids({"text": tf.constant(["The unknown cat", "cat the cat the cat"])})
    assert found[IDS].to_list() == [[2, 1, 3], [3, 2, 3]]


def test_a_text_without_words_is_one_unknown_word() -> None:
    assert word_ids({"text": tf.constant(["", " \n", "the"])})[IDS].to_list() == [[1], [1], [2]]


def test_an_empty_batch_stays_empty() -> None:
    assert word_ids({"text": tf.constant([], tf.string)})[IDS].shape[0] == 0
