"""Tokens stand where they say, and are those whose ids the model reads."""

import numpy as np
import pytest
import tensorflow as tf

from models.text.tfidf import TfIdf
from models.text.tokens import Tokenizer, Tokens, in_characters
from models.text.word_ids import WordIds
from models.text.wordpieces import SPECIAL, WordPieces
from models.text.words import join_features, split_words, valid_utf8

TEXTS = [
    "Café, déjà vu!  x\x00y",
    "中文 test—日本",
    "",
    " \t\n ",
    "a\tb\nc \u200bd",
    "İstanbul ﬁne \U0001f600 ok",
    "e\u0301te\u0301 naïve",
    "\u202eשלום עולם",
]


def rows(tokens: Tokens) -> list[list[tuple[str, int, int]]]:
    lists = (tokens.words.to_list(), tokens.starts.to_list(), tokens.ends.to_list())
    return [[(w.decode(), s, e) for w, s, e in zip(*row, strict=True)] for row in zip(*lists, strict=True)]


def test_places_of_words() -> None:
    found = rows(WordIds(["x"], ("text",), 5).tokens({"text": tf.constant(TEXTS)}))
    assert found[0] == [("cafe", 0, 4), (",", 4, 5), ("deja", 6, 10), ("vu", 11, 13), ("!", 13, 14)]
    assert found[1] == [("中", 0, 1), ("文", 1, 2), ("test", 3, 7), ("—", 7, 8), ("日", 8, 9)]
    assert found[2] == found[3] == [("", 0, 0)]
    assert found[6] == [("ete", 0, 5), ("naive", 6, 11)]


def test_words_are_those_that_have_the_ids() -> None:
    texts = tf.constant(TEXTS)
    split = split_words(texts).to_list()
    preprocess = WordIds(sorted({word for row in split for word in row}), ("text",), 100)
    tokens = preprocess.tokens({"text": texts})
    assert tokens.words.to_list() == [row or [b""] for row in split]
    assert (
        tokens.words.row_lengths().numpy().tolist()
        == preprocess({"text": texts})["token_ids"].row_lengths().numpy().tolist()
    )


def test_words_of_the_text_itself() -> None:
    """What stands at a word's place is that word, but for case, accents and what is no character to be seen."""
    for text, found in zip(
        TEXTS, rows(WordIds(["x"], ("text",), 100).tokens({"text": tf.constant(TEXTS)})), strict=True
    ):
        for word, start, end in found:
            assert split_words(tf.constant([text[start:end]])).to_list()[0] in ([word.encode()], [])


@pytest.mark.parametrize("preprocess", [WordIds(["x"], ("a", "b"), 100), TfIdf(["x"], np.ones(1), ("a", "b"), (1, 1))])
def test_words_of_several_texts_are_those_of_the_joined_one_and_stand_in_their_own(preprocess: Tokenizer) -> None:
    batch = {"a": tf.constant(TEXTS), "b": tf.constant(TEXTS[::-1])}
    tokens = preprocess.tokens(batch)
    together = split_words(join_features(batch, ("a", "b"))).to_list()
    assert tokens.words.to_list() == together
    for place, (found, features) in enumerate(zip(rows(tokens), tokens.features.to_list(), strict=True)):
        texts = {b"a": TEXTS[place], b"b": TEXTS[-1 - place]}
        assert features == sorted(features)
        for (word, start, end), feature in zip(found, features, strict=True):
            assert split_words(tf.constant([texts[feature][start:end]])).to_list()[0] in ([word.encode()], [])


def test_the_word_of_two_empty_texts_is_of_the_first() -> None:
    tokens = WordIds(["x"], ("b", "a"), 3).tokens({"a": tf.constant(["", "y"]), "b": tf.constant(["", ""])})
    assert tokens.words.to_list() == [[b""], [b"y"]] and tokens.features.to_list() == [[b"b"], [b"a"]]


def test_places_of_pieces() -> None:
    vocabulary = [*SPECIAL, "ca", "##fe", ",", "中", "x"]
    pieces = WordPieces(vocabulary, ("text",), 6, lower_case=True)
    texts = tf.constant(["Café, 中 x x", "", "zzz"])
    found = rows(pieces.tokens({"text": texts}))
    assert found[0] == [("[CLS]", 0, 0), ("ca", 0, 2), ("##fe", 2, 4), (",", 4, 5), ("中", 6, 7), ("[SEP]", 11, 11)]
    assert found[1] == [("[CLS]", 0, 0), ("[SEP]", 0, 0)]
    assert found[2] == [("[CLS]", 0, 0), ("[UNK]", 0, 3), ("[SEP]", 3, 3)]
    ids = pieces({"text": texts})["token_ids"].to_list()
    assert [[vocabulary[i] for i in row] for row in ids] == [[word for word, _, _ in row] for row in found]


def test_pieces_of_a_pair_stand_each_in_its_own_text() -> None:
    """The longer text is cut, as in the ids; what ends a text is of that text."""
    vocabulary = [*SPECIAL, "ca", "##fe", "x"]
    pieces = WordPieces(vocabulary, ("b", "a"), 8, lower_case=True)
    batch = {"b": tf.constant(["Caf\u00e9 x", "", "x x x x x"]), "a": tf.constant(["x x x x", "x", "x x x"])}
    tokens = pieces.tokens(batch)
    found = rows(tokens)
    assert found[0] == [
        ("[CLS]", 0, 0),
        ("ca", 0, 2),
        ("##fe", 2, 4),
        ("x", 5, 6),
        ("[SEP]", 6, 6),
        ("x", 0, 1),
        ("x", 2, 3),
        ("[SEP]", 7, 7),
    ]
    assert tokens.features.to_list()[0] == [b"b"] * 5 + [b"a"] * 3
    assert found[1] == [("[CLS]", 0, 0), ("[SEP]", 0, 0), ("x", 0, 1), ("[SEP]", 1, 1)]
    ids = pieces(batch)["token_ids"].to_list()
    assert [[vocabulary[i] for i in row] for row in ids] == [[word for word, _, _ in row] for row in found]
    assert pieces(batch)["segment_ids"].to_list() == [
        [int(f == b"a") for f in row] for row in tokens.features.to_list()
    ]


def test_texts_from_the_second_on_are_one_and_stand_each_in_its_own() -> None:
    vocabulary = [*SPECIAL, "x", "y", "z"]
    pieces = WordPieces(vocabulary, ("a", "b", "c"), 20, lower_case=True)
    batch = {name: tf.constant([text]) for name, text in {"a": "x", "b": " y", "c": "  z z"}.items()}
    tokens = pieces.tokens(batch)
    assert rows(tokens)[0][3:] == [("y", 1, 2), ("z", 2, 3), ("z", 4, 5), ("[SEP]", 5, 5)]
    assert tokens.features.to_list()[0] == [b"a", b"a", b"a", b"b", b"c", b"c", b"c"]
    assert [vocabulary[i] for i in pieces(batch)["token_ids"].to_list()[0]] == [word for word, _, _ in rows(tokens)[0]]


@pytest.mark.parametrize("broken", [b"a \xff b", b"\xe4\xb8 c", b"\xed\xa0\x80 d"])
def test_broken_bytes_count_as_the_characters_that_stand_for_them(broken: bytes) -> None:
    text = valid_utf8(tf.constant([broken])).numpy()[0].decode()
    word, start, end = rows(WordIds(["x"], ("text",), 100).tokens({"text": tf.constant([broken])}))[0][-1]
    assert text[start:end] == word == broken[-1:].decode()


def test_bytes_to_characters_of_several_texts() -> None:
    texts = tf.constant(["aé中b", "", "中中"])
    places = tf.ragged.constant([[0, 1, 3, 6, 7], [0], [3, 6]], dtype=tf.int64)
    assert in_characters(texts, places).to_list() == [[0, 1, 2, 3, 4], [0], [1, 2]]
