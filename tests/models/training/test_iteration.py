"""Threads that prepare pictures stand back for those that train."""

import os

import numpy as np
import pytest
import tensorflow as tf

from models.training.iteration import NICENESS, iterate


def niceness() -> int:
    """Of the thread that asks."""
    return os.getpriority(os.PRIO_PROCESS, 0)


def told(*, private: bool) -> tf.data.Dataset:
    """The niceness of the threads that a data set's functions run on."""
    options = tf.data.Options()
    if private:
        options.threading.private_threadpool_size = 2

    def ask(number: tf.Tensor) -> tf.Tensor:
        return tf.numpy_function(lambda: np.int64(niceness()), [], tf.int64)

    return tf.data.Dataset.range(50).map(ask, num_parallel_calls=2).with_options(options)


def found(dataset: tf.data.Dataset) -> set[int]:
    return set(map(int, iterate(dataset, tf.distribute.get_strategy())))


def test_a_pool_of_its_own_stands_back_and_nothing_else_does() -> None:
    before = niceness()
    assert found(told(private=True)) == {NICENESS}
    assert found(told(private=False)) == {before}
    assert set(map(int, told(private=True))) == {before}
    assert niceness() == before


def test_stays_where_a_gpu_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    before = niceness()
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind: ["a GPU"])
    assert found(told(private=True)) == {before}


def test_gives_what_the_data_set_does() -> None:
    for private in (True, False):
        dataset = told(private=private).enumerate().map(lambda place, _: place)
        assert list(map(int, iterate(dataset, tf.distribute.get_strategy()))) == list(range(50))
