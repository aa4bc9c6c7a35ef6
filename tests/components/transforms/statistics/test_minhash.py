"""MinHash signatures: bands collide as often as the similarity of the texts says."""

import numpy as np

from components.transforms.statistics.neighbours import count_neighbours, match_bands
from components.transforms.statistics.texts import examine


def text(words: np.ndarray) -> bytes:
    return " ".join(f"w{word}" for word in words.tolist()).encode()


def found_share(length: int, changed: int, pairs: int, seed: int) -> tuple[float, float]:
    """Share of pairs that have a band in common, and the mean Jaccard similarity of their shingles."""
    random_ = np.random.default_rng(seed)
    ones = random_.integers(0, 5000, (pairs, length))
    others = ones.copy()
    if changed:
        others[:, -changed:] = random_.integers(5000, 9999, (pairs, changed))
    first, second = (examine([text(row) for row in rows]).bands for rows in (ones, others))
    shingles = length - 2
    return float((first == second).any(axis=1).mean()), (shingles - changed) / (shingles + changed)


def expected_share(similarity: float) -> float:
    return 1 - (1 - similarity**7) ** 6


def test_texts_are_found_as_often_as_the_curve_says() -> None:
    for share in (0.0, 0.05, 0.1, 0.2, 0.4):
        found, similarity = found_share(250, int(250 * share), 400, 17)  # seed 17
        assert abs(found - expected_share(similarity)) < 0.08, (similarity, found)


def test_short_texts_are_found_less_often_but_never_more() -> None:
    for length, at_least in ((60, 0.9), (20, 0.65)):
        assert found_share(length, length // 20, 400, 19)[0] >= at_least  # seed 19
        for share in (0.2, 0.3, 0.4):
            found, similarity = found_share(length, int(length * share), 400, 19)
            assert found < expected_share(similarity) + 0.05, (length, similarity, found)


def test_short_texts_are_compared_by_all_they_have() -> None:
    batch = examine([b"Thanks a lot!", b"thanks, a LOT", b"thanks a bunch", b"two words", b""])
    assert batch.banded.tolist() == [True, True, True, False, False]
    np.testing.assert_array_equal(batch.bands[0], batch.bands[1])
    assert not (batch.bands[0] == batch.bands[2]).any()


def test_different_texts_share_nothing() -> None:
    random_ = np.random.default_rng(23)  # seed 23
    bands = examine([text(row) for row in random_.integers(0, 300, (3000, 40))]).bands
    assert len(np.unique(bands)) == bands.size


def test_of_texts_that_share_a_band_one_is_kept() -> None:
    bands = np.array([7, 7, 7, 8, 8, 9], np.uint64)
    texts = np.array([30, 10, 20, 20, 40, 50], np.uint64)
    for cut in (1, 3, 5):
        found = match_bands([(bands[:cut], texts[:cut]), (bands[cut:], texts[cut:])])
        assert [side.tolist() for side in found] == [[20, 30, 40], [10, 10, 20]]
    matches = count_neighbours([found, found])
    assert (matches.count, matches.pairs) == (3, [(20, 10), (30, 10), (40, 20)])
