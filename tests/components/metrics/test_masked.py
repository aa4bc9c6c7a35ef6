"""Sums over hidden pieces, against numpy."""

import numpy as np
import pytest

from components.metrics.bootstrap import poisson_weights
from components.metrics.masked import MaskedTally

N, SAMPLES = 200, 20


def draw() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    count = random.integers(0, 30, N)
    columns = [count, random.binomial(count, 0.4), count * random.uniform(1, 4, N), count // 9, count * 5.0]
    return np.stack(columns, axis=1).astype(np.float32), poisson_weights(np.arange(N, dtype=np.uint64) * 977, SAMPLES)


def tallied(scores: np.ndarray, weights: np.ndarray) -> MaskedTally:
    tally = MaskedTally(len(weights))
    right = tally.add(np.zeros(len(scores), np.float32), scores, weights)
    assert not right.any()
    return tally


def test_a_text_counts_by_its_hidden_pieces() -> None:
    scores, weights = draw()
    tally = tallied(scores, weights)
    found = tally.measure().rows
    sums = weights.astype(np.float64) @ scores.astype(np.float64)
    np.testing.assert_allclose(found["masked_accuracy"], sums[:, 1] / sums[:, 0], rtol=1e-12)
    np.testing.assert_allclose(found["perplexity"], np.exp(sums[:, 2] / sums[:, 0]), rtol=1e-12)
    assert tally.baseline() == pytest.approx(np.exp(5.0), rel=1e-9)


def test_parts_merge_exactly() -> None:
    scores, weights = draw()
    whole, part = tallied(scores, weights), tallied(scores[:70], weights[:, :70])
    part.merge(tallied(scores[70:], weights[:, 70:]))
    for name, rows in whole.measure().rows.items():
        np.testing.assert_array_equal(part.measure().rows[name], rows)
    assert part.examples == whole.examples == N


def test_nothing_to_tell() -> None:
    scores, weights = draw()
    assert tallied(scores * 0, weights).measure().undefined == dict.fromkeys(
        ("masked_accuracy", "perplexity"), "no text has a word to hide"
    )
    scores[3, 2] = np.nan
    tally = tallied(scores, weights)
    assert tally.non_finite == 1
    assert "NaN or infinity for 1 examples" in tally.measure().undefined["perplexity"]
