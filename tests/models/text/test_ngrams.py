"""Which words an n-gram is made of."""

import pytest
import tensorflow as tf

from models.text.ngrams import ngram_words, ngrams, occurrences

WORDS = tf.ragged.constant([["a", "b", "c"], [], ["d"], ["e", "f"]], ragged_rank=1)


@pytest.mark.parametrize("lengths", [(1, 1), (1, 2), (2, 3), (1, 5)])
def test_words_of_ngrams_spell_them(lengths: tuple[int, int]) -> None:
    firsts, counts = ngram_words(WORDS, lengths)
    spelled = [
        [b" ".join(words[first : first + count]) for first, count in zip(row, how_many, strict=True)]
        for words, row, how_many in zip(WORDS.to_list(), firsts.to_list(), counts.to_list(), strict=True)
    ]
    assert spelled == ngrams(WORDS, lengths).to_list()
    assert firsts.dtype == counts.dtype == tf.int64


def test_every_id_is_found_among_the_distinct() -> None:
    ids = tf.ragged.constant([[3, 3, 1], [], [1, 0, 1]], dtype=tf.int64)
    found = occurrences(ids)
    assert found.ids.to_list() == [[3, 1], [], [1, 0]] and found.counts.to_list() == [[2, 1], [], [2, 1]]
    assert tf.gather(found.ids.values, found.places).numpy().tolist() == ids.values.numpy().tolist()
    assert tf.gather(found.ids.value_rowids(), found.places).numpy().tolist() == ids.value_rowids().numpy().tolist()
