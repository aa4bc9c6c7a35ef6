import numpy as np
import pytest
import tensorflow as tf

from models.layers.random_bits import dropped, kept


def hashed(number: int) -> int:
    for factor, shift in ((1, 16), (0x7FEB352D, 15), (0x846CA68B, 16)):
        number = number * factor % 2**32
        number ^= number >> shift
    return number


def test_a_place_and_a_seed_decide_what_is_kept() -> None:
    found = kept(tf.constant([5, 8]), tf.constant([7, 2**40 + 9], tf.int64), 0.3)
    key = hashed(7 ^ hashed(9))
    expected = [hashed(hashed(place) ^ key) >= int(np.float32(0.3) * 2.0**32) for place in range(40)]
    np.testing.assert_array_equal(np.asarray(found).reshape(-1), expected)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_the_share_is_that_of_the_rate_and_places_and_seeds_do_not_depend_on_each_other(rate: float) -> None:
    draws = np.stack([np.asarray(kept(tf.constant([250_000]), tf.constant([1, step]), rate)) for step in range(8)])
    assert draws.mean() == pytest.approx(1.0 - rate, abs=4 * np.sqrt(rate * (1 - rate) / draws.size))
    apart = (draws - (1.0 - rate)) / np.sqrt(rate * (1 - rate))
    for lag in (1, 2, 128, 4096):
        assert abs((apart[:, lag:] * apart[:, :-lag]).mean()) < 4 / np.sqrt(draws.size)
    between = np.corrcoef(apart)[~np.eye(8, dtype=bool)]
    assert np.abs(between).max() < 5 / np.sqrt(250_000)


def test_what_is_kept_is_as_much_larger() -> None:
    seed = tf.constant([1, 2], tf.int64)
    found = np.asarray(dropped(tf.fill((1000,), 3.0), seed, 0.25))
    np.testing.assert_array_equal(np.unique(found), [0.0, 4.0])
    np.testing.assert_array_equal(found > 0, kept(tf.constant([1000]), seed, 0.25))
    np.testing.assert_array_equal(dropped(tf.fill((1000,), 3.0), seed, 0.0), np.full(1000, 3.0))
