"""Class weights and the moments of numeric labels."""

import numpy as np
import pytest

from models.training.labels import class_weights, moments
from schemas.errors import ConfigError

PIECES = [np.array([0, 0, 0]), np.array([0, 1, 1, 0, 0])]


def test_balanced_weights_average_to_one_over_the_examples():
    weights = class_weights("balanced", ["a", "b"], iter(PIECES))

    assert weights == pytest.approx([8 / (2 * 6), 8 / (2 * 2)])
    assert class_weights("balanced", ["a", "b", "never"], iter(PIECES))[2] == 1.0


def test_weights_by_label():
    assert class_weights({"b": 3.0}, ["a", "b"], iter(())) == [1.0, 3.0]
    assert class_weights(None, ["a", "b"], iter(())) is None


def test_weight_of_an_unknown_label_is_refused():
    with pytest.raises(ConfigError, match=r"labels of a, b\. Received: c"):
        class_weights({"c": 1.0}, ["a", "b"], iter(()))


def test_moments_merge_without_cancellation():
    values = 1e9 + np.arange(1000) / 10

    mean, deviation = moments(iter(np.array_split(values, 7)))

    assert mean == pytest.approx(values.mean(), rel=1e-14)
    assert deviation == pytest.approx(values.std(), rel=1e-7)
