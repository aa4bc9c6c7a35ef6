import pytest
import tensorflow as tf
import tensorflow_text

from models.text.normalizer_model import LOWER_CASE_WITHOUT_ACCENTS
from models.text.words import join_features, split_words, valid_utf8


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Shares ROSE 5.2 pct", "shares rose 5 . 2 pct"),
        ("don't stop", "don ' t stop"),
        ("Café ÜBER naïve", "cafe uber naive"),
        ("股票上涨 today", "股 票 上 涨 today"),
        ("ドル安", "ト ル 安"),
        ("ราคา", "ร า ค า"),
        ("one\r\ntwo\tthree\u00a0four", "one two three four"),
        ("a\x00b \u200bc", "a b c"),
        ("100€ ok™ :)", "100 € oktm : )"),
        ("Привет, мир!", "привет , мир !"),
        ("  ", ""),
        ("", ""),
    ],
)
def test_words_of_a_text(text: str, words: str) -> None:
    found = [word.decode() for word in split_words(tf.constant([text]))[0].numpy()]
    assert " ".join(found) == words


def test_the_normalizer_is_tensorflow_texts_own() -> None:
    theirs = tensorflow_text.FastBertNormalizer(lower_case_nfd_strip_accents=True)
    assert theirs._model.numpy().tobytes() == LOWER_CASE_WITHOUT_ACCENTS


def test_invalid_utf8_is_replaced() -> None:
    assert split_words(tf.constant([b"good \xff\xfe day"])).to_list() == [[b"good", *["\ufffd".encode()] * 2, b"day"]]


@pytest.mark.parametrize("place", range(10))
def test_a_broken_byte_is_found_wherever_it_stands(place: int) -> None:
    broken = b"b" * place + b"\xff" + b"b" * (9 - place)
    repaired = b"b" * place + "\ufffd".encode() + b"b" * (9 - place)
    texts = [b"plain", broken, "caf\u00e9".encode(), b""]
    assert valid_utf8(tf.constant(texts)).numpy().tolist() == [b"plain", repaired, "caf\u00e9".encode(), b""]


@pytest.mark.parametrize("texts", [[], [b""], [b"\0\x7f", b"", b"12345"], [b"12345678"], [b"\x7f" * 7, b"\x7f" * 10]])
def test_ascii_stays_as_it_is(texts: list[bytes]) -> None:
    assert valid_utf8(tf.constant(texts, tf.string)).numpy().tolist() == texts


def test_ascii_falls_into_the_same_words_beside_other_texts() -> None:
    texts = [chr(code) * 2 + "Ab" + chr(code) for code in range(128)] + ["It's 5% of $9-10 (US)..."]
    together = split_words(tf.constant([*texts, "caf\u00e9"])).to_list()
    assert split_words(tf.constant(texts)).to_list() == together[:-1]
    assert together[-2:] == [b"it ' s 5 % of $ 9 - 10 ( us ) . . .".split(), [b"cafe"]]


def test_an_empty_batch_has_no_words() -> None:
    assert split_words(tf.constant([], tf.string)).shape[0] == 0


def test_features_are_joined_in_their_order() -> None:
    batch = {"body": tf.constant(["b1", "b2"]), "title": tf.constant(["t1", ""])}
    assert split_words(join_features(batch, ("title", "body"))).to_list() == [[b"t1", b"b1"], [b"b2"]]
