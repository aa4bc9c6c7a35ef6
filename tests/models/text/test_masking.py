import numpy as np
import pytest
import tensorflow as tf

from models.text.masking import BEGINS, CONTINUES, SPECIAL, Hidden, Masking, Pieces
from models.text.wordpieces import MASK
from models.text.wordpieces import SPECIAL as SPECIAL_PIECES

VOCABULARY = [*SPECIAL_PIECES, *"abcdefghijklmnopqrstuvwxyz", "##x", "##y", *(f"w{n}" for n in range(60))]
PIECES = Pieces.of_word_pieces(VOCABULARY, SPECIAL_PIECES, mask=MASK)
MASK_ID = SPECIAL_PIECES.index(MASK)


def texts(count: int = 300, length: int = 60) -> np.ndarray:
    """`[CLS] ... [SEP]` of words of one to three pieces, and padding."""
    random = np.random.default_rng(4)
    rows = np.zeros((count, length), np.int64)
    for row in rows:
        end = int(random.integers(length // 2, length - 1))
        row[1:end] = random.integers(5, len(VOCABULARY), end - 1)
        row[0], row[1], row[end] = 2, 5, 3
    return rows


def hidden_places(hidden: Hidden, shape: tuple[int, ...]) -> np.ndarray:
    """Where something is hidden, bool as the ids."""
    found = np.zeros(shape, bool)
    for row, (places, labels) in enumerate(zip(hidden.positions.numpy(), hidden.labels.numpy(), strict=True)):
        found[row, places[labels > 0]] = True
    return found


def trained(ids: np.ndarray, seed: int = 1) -> Hidden:
    inputs, labels = Masking(PIECES).of_training(
        {"token_ids": tf.constant(ids)}, None, tf.constant([7, seed], tf.int64)
    )
    return Hidden(inputs["token_ids"], inputs["masked_positions"], labels)


def of(ids: np.ndarray, kind: str) -> Hidden:
    return trained(ids) if kind == "training" else Masking(PIECES).fixed(tf.constant(ids))


def test_kinds_of_pieces() -> None:
    assert PIECES.kinds[:6].tolist() == [SPECIAL] * 5 + [BEGINS]
    assert PIECES.kinds[VOCABULARY.index("##x")] == CONTINUES
    words = Pieces.of_words(["the", "##s"], first=2, mask=1)
    assert (words.kinds.tolist(), words.mask) == ([SPECIAL, SPECIAL, BEGINS, BEGINS], 1)


@pytest.mark.parametrize("kind", ["training", "evaluation"])
def test_a_seventh_of_the_words_is_hidden_and_told_by_the_labels(kind: str) -> None:
    ids = texts()
    hidden = of(ids, kind)
    places = hidden_places(hidden, ids.shape)
    words = (ids >= 5) & (PIECES.kinds[ids] == BEGINS)
    assert places[words].mean() == pytest.approx(0.15, abs=0.01)
    assert not places[ids < 5].any()
    labels = hidden.labels.numpy()
    np.testing.assert_array_equal(labels[labels > 0], ids[places])  # both from left to right, text by text
    np.testing.assert_array_equal(hidden.ids.numpy()[~places], ids[~places])


@pytest.mark.parametrize("kind", ["training", "evaluation"])
def test_all_pieces_of_a_word_or_none(kind: str) -> None:
    ids = texts()
    places = hidden_places(of(ids, kind), ids.shape)
    continues = PIECES.kinds[ids] == CONTINUES
    assert continues.sum() > 100
    rows, columns = np.nonzero(continues)
    np.testing.assert_array_equal(places[rows, columns], places[rows, columns - 1])


def test_what_takes_the_place_of_a_hidden_piece() -> None:
    """Devlin's 80, 10 and 10 of a hundred."""
    ids = texts(2000)
    hidden = trained(ids)
    places = hidden_places(hidden, ids.shape)
    now, before = hidden.ids.numpy()[places], ids[places]
    assert (now == MASK_ID).mean() == pytest.approx(0.8, abs=0.01)
    assert (now == before).mean() == pytest.approx(0.1, abs=0.01)
    others = now[(now != MASK_ID) & (now != before)]
    assert (others >= 5).all() and len(set(others.tolist())) > 80


def test_the_seed_alone_decides() -> None:
    ids = texts(20)
    first, again, other = trained(ids), trained(ids), trained(ids, seed=2)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert (hidden_places(first, ids.shape) != hidden_places(other, ids.shape)).any()


def test_in_evaluation_a_text_is_hidden_alike_in_any_company() -> None:
    ids = texts(40)
    together = Masking(PIECES).fixed(tf.constant(ids))
    assert (together.ids.numpy()[hidden_places(together, ids.shape)] == MASK_ID).all()
    for row in (0, 17, 39):
        length = int(np.count_nonzero(ids[row]))
        alone = Masking(PIECES).fixed(tf.constant(ids[row : row + 1, :length]))
        np.testing.assert_array_equal(alone.ids[0], together.ids[row, :length])
        labels = together.labels.numpy()[row]
        np.testing.assert_array_equal(alone.labels[0], labels[labels > 0])


@pytest.mark.parametrize("kind", ["training", "evaluation"])
def test_a_short_text_hides_one_word_and_one_without_words_none(kind: str) -> None:
    ids = np.array([[2, 30, 31, 3], [2, 1, 1, 3], [2, 3, 0, 0]])
    hidden = of(ids, kind)
    assert hidden_places(hidden, ids.shape).sum(axis=1).tolist() in ([1, 0, 0], [2, 0, 0])
    np.testing.assert_array_equal(hidden.ids[1:], ids[1:])
    nothing = of(ids[1:], kind)
    assert nothing.labels.numpy().tolist() == [[0], [0]]


def test_an_empty_batch_stays_empty() -> None:
    hidden = Masking(PIECES).fixed(tf.zeros((0, 1), tf.int64))
    assert [tuple(part.shape) for part in hidden] == [(0, 1), (0, 1), (0, 1)]
