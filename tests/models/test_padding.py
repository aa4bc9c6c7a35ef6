"""From ragged to dense."""

import numpy as np
import tensorflow as tf

from models.padding import pad


def test_pads_to_the_longest_with_zeros():
    padded = pad({"ids": tf.ragged.constant([[1, 2, 3], [], [4]], dtype=tf.int64), "dense": tf.ones((3, 2))})

    np.testing.assert_array_equal(padded["ids"], [[1, 2, 3], [0, 0, 0], [4, 0, 0]])
    assert padded["dense"].shape == (3, 2)


def test_a_length_may_be_rounded_up():
    ids = tf.ragged.constant([[1, 2, 3], [], [4]], dtype=tf.int64)

    np.testing.assert_array_equal(pad({"ids": ids}, 4)["ids"], [[1, 2, 3, 0], [0, 0, 0, 0], [4, 0, 0, 0]])
    assert pad({"ids": ids}, 3)["ids"].shape == (3, 3)
    assert pad({"ids": ids[1:2]}, 8)["ids"].shape == (1, 8)


def test_is_never_of_length_zero():
    assert pad({"ids": tf.ragged.constant([[], []], dtype=tf.int64)})["ids"].shape == (2, 1)
    empty = tf.RaggedTensor.from_row_splits(tf.zeros((0,), tf.float32), tf.constant([0], tf.int64))
    assert pad({"values": empty})["values"].shape == (0, 1)


def test_shape_stays_open_in_a_graph():
    spec = tf.RaggedTensorSpec((None, None), tf.int64, ragged_rank=1)
    graph = tf.function(lambda ids: pad({"ids": ids})["ids"]).get_concrete_function(spec)

    assert graph.structured_outputs.shape.as_list() == [None, None]
