"""Words of texts in any script, against a plain reading of each text."""

import re
from collections import Counter

import numpy as np
import pytest

from components.transforms.statistics import scripts, words
from components.transforms.statistics.texts import examine
from components.transforms.statistics.words import read_words

TEXTS = [
    "Hello, World! don't stop-me 42 times",
    "",
    "   \n\t ",
    "我爱北京 and 上海, 2024年",
    "Привет мир. ПРИВЕТ",
    "한국어 문장 입니다",
    "これはテストです",
    "ไทย",
    "naïve café Ünïcode",
    "हिन्दी शब्द",
    "emoji 😀 between",
    "𠀀𠀁 rare Han",
]


def plain(text: str) -> list[str]:
    single = r"[\u4e00-\u9fff\u3040-\u30ff\u0e01-\u0e30\u0e40-\u0e44\U00020000-\U0002a6df]"
    return re.findall(single + r"|(?:(?!" + single + r")[\w\u0900-\u097f])+", text.lower())


@pytest.mark.parametrize("text", TEXTS)
def test_tokens_are_those_of_a_plain_reading(text: str) -> None:
    assert examine([text.encode()]).tokens.tolist() == [len(plain(text))]


def test_the_same_word_has_the_same_hash_wherever_it_stands() -> None:
    hashes: dict[str, set[int]] = {}
    for batch in (TEXTS, TEXTS[::-1], ["x " * 30 + text for text in TEXTS]):
        encoded = [text.encode() for text in batch]
        for chunk in read_words(encoded):
            tokens = [token for place in chunk.texts.tolist() for token in plain(batch[place])]
            for token, value in zip(tokens, chunk.hashes.tolist(), strict=True):
                hashes.setdefault(token, set()).add(value)
    assert all(len(values) == 1 for values in hashes.values()), hashes
    assert len({value for values in hashes.values() for value in values}) == len(hashes)


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [(f"word{place} " * (place * 37 % 300)).encode() for place in range(200)]
    whole = examine(texts)
    monkeypatch.setattr(words, "CHUNK", 4096)
    cut = examine(texts)
    np.testing.assert_array_equal(whole.tokens, cut.tokens)
    np.testing.assert_array_equal(whole.bands, cut.bands)
    assert whole.tokens.tolist() == [place * 37 % 300 for place in range(200)]


def test_a_very_long_text_is_counted_whole() -> None:
    long = b"some words here " * (words.CHUNK // 4)
    batch = examine([b"a b c", long, b"d e f g"])
    assert batch.tokens.tolist() == [3, 3 * (words.CHUNK // 4), 4]
    np.testing.assert_array_equal(batch.bands[1], examine([long]).bands[0])


def test_bytes_that_are_not_utf8_do_no_harm() -> None:
    assert examine([b"good \xff\xfe words", b"ok then"]).tokens.tolist() == [2, 2]


@pytest.mark.parametrize(
    ("character", "script"),
    [("a", "Latin"), ("é", "Latin"), ("ж", "Cyrillic"), ("λ", "Greek"), ("א", "Hebrew"), ("ع", "Arabic"),
     ("अ", "Devanagari"), ("中", "Han"), ("𠀀", "Han"), ("ひ", "Hiragana"), ("カ", "Katakana"), ("한", "Hangul"),
     ("ไ", "Thai"), ("ა", "Georgian"), ("ա", "Armenian"), ("অ", "Bengali"), ("அ", "Tamil"), ("ꀀ", "Yi"),
     ("ᚠ", "Other")],
)  # fmt: skip
def test_scripts_by_their_names(character: str, script: str) -> None:
    assert scripts.SCRIPTS[int(scripts.script_table()[ord(character)])] == script


def test_letters_are_counted_by_script() -> None:
    batch = examine([text.encode() for text in TEXTS])
    for place, text in enumerate(TEXTS):
        expected = Counter(int(scripts.script_table()[ord(character)]) for character in text)
        found = {script: count for script, count in enumerate(batch.letters[place].tolist()) if count}
        assert found == {script: count for script, count in expected.items() if script > 1}, text
