"""Rows in files that have no name: as they were given, whichever are asked for."""

import numpy as np
import pytest
import tensorflow as tf

from models.training.mapped import MappedRows
from schemas.errors import ConfigError


def pieces():
    random = np.random.default_rng(1)
    pixels, labels = random.integers(0, 256, (7, 4, 3, 2)).astype(np.uint8), np.arange(7)
    given = [(pixels[:4], labels[:4]), (pixels[4:], labels[4:])]
    return pixels, labels, [{"image": tf.constant(p), "label": tf.constant(number)} for p, number in given]


def test_rows_are_those_that_were_given(tmp_path):
    pixels, labels, given = pieces()
    (tmp_path / "train-image").write_bytes(b"left by a training that was killed" * 100)
    rows = MappedRows(tmp_path, "train", given, 300)

    assert not list(tmp_path.iterdir())
    np.testing.assert_array_equal(rows["label"], labels)
    order = [6, 0, 3, 3]
    (found,) = tf.data.Dataset.from_tensors(order).map(rows.gather)
    np.testing.assert_array_equal(found["image"], pixels[order])
    np.testing.assert_array_equal(found["label"], labels[order])
    assert found["image"].dtype == tf.uint8 and found["label"].dtype == tf.int64


def test_shapes_are_known_beforehand(tmp_path):
    rows = MappedRows(tmp_path, "train", pieces()[2], 300)
    spec = tf.data.Dataset.from_tensors([0]).map(rows.gather).element_spec
    assert spec["image"].shape.as_list() == [None, 4, 3, 2] and spec["label"].shape.as_list() == [None]


def test_more_than_the_disk_has_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"`training.cache: disk` must find 1e\+12 GB of free disk"):
        MappedRows(tmp_path / "pixels", "train", pieces()[2], 10**21)
    assert not list((tmp_path / "pixels").iterdir())
