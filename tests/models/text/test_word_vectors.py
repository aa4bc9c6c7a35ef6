import numpy as np

from models.text.word_vectors import word_vectors


def corpus(seed: int = 3) -> list[np.ndarray]:
    """Words 2-5 only ever stand with each other, and so do words 6-9."""
    draw = np.random.default_rng(seed)
    return [np.concatenate([draw.integers(2, 6, (20, 12)), draw.integers(6, 10, (20, 12))]) for _ in range(5)]


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def test_words_of_like_use_stand_together() -> None:
    vectors = word_vectors(corpus(), 12, 4, first_word=2)
    assert vectors.shape == (12, 4)
    assert vectors.dtype == np.float32
    assert min(cosine(vectors[2], vectors[i]) for i in (3, 4, 5)) > 0.8
    assert max(abs(cosine(vectors[2], vectors[i])) for i in (6, 7, 8, 9)) < 0.2


def test_the_same_corpus_gives_the_same_vectors() -> None:
    np.testing.assert_array_equal(
        word_vectors(corpus(), 12, 4, first_word=2), word_vectors(corpus(), 12, 4, first_word=2)
    )


def test_padding_and_unknown_words_count_for_nothing() -> None:
    padded = [np.pad(batch, ((0, 0), (0, 7))) for batch in corpus()]
    np.testing.assert_allclose(
        word_vectors(padded, 12, 4, first_word=2), word_vectors(corpus(), 12, 4, first_word=2), atol=1e-6
    )


def test_texts_of_one_word_leave_random_vectors() -> None:
    vectors = word_vectors([np.array([[2], [3]])], 5, 4, first_word=2)
    assert np.isfinite(vectors).all()
    assert 0 < vectors.std() < 0.1
