import numpy as np

from models.layers.weighted_sum import WeightedSum


def test_it_is_a_dense_layer_on_sparse_inputs() -> None:
    draw = np.random.default_rng(1)
    layer = WeightedSum(6, 3)
    ids, weights = np.array([[1, 4, 0], [2, 0, 0]]), np.array([[0.5, -2, 0], [3, 0, 0]], np.float32)
    layer(ids, weights)
    layer.set_weights([draw.normal(size=(6, 3)), draw.normal(size=3)])
    dense = np.zeros((2, 6))
    dense[0, [1, 4]], dense[1, 2] = [0.5, -2], 3
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(layer(ids, weights), dense @ kernel + bias, rtol=1e-5)
