"""The one-pass Adam against Keras' own."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.training.fused_adam import FusedAdam, FusedAdamW


def _trained(
    optimizer: keras.optimizers.Optimizer, *, slices: bool = False, places: tuple[int, int, int] = (4, 1, 3)
) -> list[np.ndarray]:
    """Two variables, the moments and the steps after five steps on the same gradients."""
    random = np.random.default_rng(7)
    variables = [keras.Variable(random.normal(size=shape).astype("float32")) for shape in ((6, 3), (3,))]
    optimizer.exclude_from_weight_decay(var_list=variables[1:])
    optimizer.build(variables)

    @tf.function
    def step(rows: tf.Tensor, gradient: tf.Tensor, other: tf.Tensor) -> None:
        first = tf.IndexedSlices(gradient, rows, (6, 3)) if slices else tf.scatter_nd(rows[:, None], gradient, (6, 3))
        optimizer.apply([first, other], variables)

    for _ in range(5):
        rows = tf.constant(places)
        step(rows, random.normal(size=(3, 3)).astype("float32"), random.normal(size=3).astype("float32"))
    return [variable.numpy() for variable in (*variables, *optimizer.variables)]


@pytest.mark.parametrize("slices", [False, True])
@pytest.mark.parametrize(
    ("fused", "plain", "settings"),
    [
        (FusedAdam, keras.optimizers.Adam, {"learning_rate": 0.01}),
        (FusedAdam, keras.optimizers.Adam, {"learning_rate": keras.optimizers.schedules.CosineDecay(0.1, 8)}),
        (FusedAdamW, keras.optimizers.AdamW, {"learning_rate": 0.01, "weight_decay": 0.3}),
        (FusedAdamW, keras.optimizers.AdamW, {"learning_rate": 0.01, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}),
    ],
)
def test_a_step_is_that_of_keras(fused: Any, plain: Any, settings: dict[str, Any], slices: bool) -> None:
    for ours, theirs in zip(
        _trained(fused(**settings), slices=slices), _trained(plain(**settings), slices=slices), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=1e-6)


def test_slices_of_the_same_row_are_added_up() -> None:
    twice = [_trained(FusedAdam(0.01), slices=slices, places=(4, 1, 4)) for slices in (True, False)]
    for ours, summed in zip(*twice, strict=True):
        np.testing.assert_allclose(ours, summed, rtol=1e-6)


def test_a_step_is_one_operation_a_variable() -> None:
    variable = keras.Variable(np.ones((4, 2), "float32"))
    optimizer = FusedAdamW(0.1)
    optimizer.build([variable])
    step = tf.function(lambda gradient: optimizer.apply([gradient], [variable]))
    operations = [o.type for o in step.get_concrete_function(tf.TensorSpec((4, 2))).graph.get_operations()]
    assert operations.count("ResourceApplyAdam") == 1 and "Sqrt" not in operations


def test_it_is_saved_with_its_settings() -> None:
    again = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(FusedAdamW(0.1, weight_decay=0.2))
    )
    assert isinstance(again, FusedAdamW) and again.weight_decay == 0.2
