import pytest
import tensorflow as tf

from models.text.wordpiece_vocabulary import WordPieceVocabulary
from models.text.wordpieces import SPECIAL, WordPieces

TEXTS = ["walking walked walks talking talked talks", "the walk the talk", "股票 上涨"] * 20


def vocabulary(size: int, texts: list[str] = TEXTS) -> list[str]:
    analyzer = WordPieceVocabulary(["text"], size=size, min_count=2)
    prepared = analyzer.prepare({"text": tf.constant(texts)})
    accumulator = analyzer.add(analyzer.create(), {**prepared, "hashes": prepared["hashes"].numpy()})
    return analyzer.extract(accumulator)["vocabulary"]


def test_special_pieces_come_first_and_frequent_words_stay_whole() -> None:
    found = vocabulary(200)
    assert tuple(found[:5]) == SPECIAL
    assert {"the", "walk", "股", "a", "##a"} <= set(found)
    assert len(set(found)) == len(found)


def test_what_was_learned_leaves_nothing_unknown() -> None:
    module = WordPieces(vocabulary(200), ["text"], 64, lower_case=True)
    ids = module({"text": tf.constant(["Walking, talked! 股票", *TEXTS])})["token_ids"]
    unknown = [row.count(SPECIAL.index("[UNK]")) for row in ids.to_list()]
    assert unknown == [2] + [0] * len(TEXTS)


def test_without_a_word_there_are_the_special_pieces() -> None:
    analyzer = WordPieceVocabulary(["text"], size=200, min_count=2)
    assert analyzer.extract(analyzer.create()) == {"vocabulary": list(SPECIAL)}


@pytest.mark.parametrize("size", [100, 400])
def test_the_size_is_a_limit_in_a_script_of_many_characters(size: int) -> None:
    """The most frequent characters are known; a text of others is one of unknown words, of as many as it had."""
    often, seldom = (["".join(map(chr, range(first, first + 45)))] for first in (0x4E00, 0x5000))
    many = ["".join(map(chr, range(0x6000, 0x6800)))]
    found = vocabulary(size, often * 9 + seldom * 3 + many * 2)
    assert len(found) <= size
    assert set(often[0]) <= set(found)
    ids = WordPieces(found, ["text"], 64, lower_case=True)({"text": tf.constant([often[0][:3], many[0][-3:]])})
    known, unknown = ids["token_ids"].to_list()
    assert SPECIAL.index("[UNK]") not in known and unknown[1:-1] == [SPECIAL.index("[UNK]")] * 3


def test_the_size_is_a_limit_for_many_words() -> None:
    words = [f"{first}{second}{third}" for first in "abcdefgh" for second in "ijklmnop" for third in "qrstuvwx"]
    assert len(vocabulary(100, [" ".join(words)] * 3)) <= 100
