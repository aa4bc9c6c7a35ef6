"""Attributions by hand, and that they add up whatever the family."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.export.integrated_gradients import MOST_STEPS
from models.export.saved_model import export
from models.tasks import Regression
from schemas.artifacts import Model
from tests.models.export.text_models import TEXTS, WORDS, exported


def explained(model, texts: list[str], steps: int) -> dict[str, np.ndarray]:
    signature = model.signatures["explain"]
    asked = signature(
        text=tf.constant(texts, tf.string, (len(texts),)),
        steps=tf.constant([steps] * len(texts), tf.int64, (len(texts),)),
    )
    return {name: value.numpy() for name, value in asked.items()}


FAMILIES = [
    ("lstm", {"embedding_dim": 8, "units": 6}),
    ("transformer", {"width": 16, "layers": 1, "pooling": "mean"}),
    ("bert", {"size": "tiny"}),
]


@pytest.mark.parametrize(("family", "hyperparameters"), FAMILIES)
def test_parts_add_up_to_the_answer(tmp_path, family, hyperparameters):
    model = exported(tmp_path, family, **hyperparameters)
    found = explained(model, TEXTS, 50)
    answers = model.signatures["serving_default"](text=tf.constant(TEXTS))

    np.testing.assert_array_equal(found["scores"], answers["scores"])
    rise = found["explained"] - found["baseline"]
    assert np.abs(rise).min() > 1e-3
    np.testing.assert_allclose(found["attributions"].sum(axis=1), rise, rtol=1e-3)
    shape = found["attributions"].shape
    assert found["tokens"].shape == found["starts"].shape == found["ends"].shape == shape
    padding = (found["tokens"] == b"") & (np.arange(shape[1]) > 0)
    assert not found["attributions"][padding].any()
    assert explained(model, [], 3)["attributions"].shape[0] == 0


def test_a_network_with_kinks_is_explained_as_by_many_steps(tmp_path):
    """A maximum over time changes its mind on the way; fifty steps add up and are near the integral all the same."""
    model, random = exported(tmp_path, "lstm", embedding_dim=8, units=12, pooling="max"), np.random.default_rng(3)
    texts = [" ".join(random.choice(WORDS, size=30)) for _ in range(8)]
    few, many = explained(model, texts, 50), explained(model, texts, MOST_STEPS)

    np.testing.assert_allclose(few["attributions"].sum(axis=1), few["explained"] - few["baseline"], rtol=1e-3)
    distance = np.abs(few["attributions"] - many["attributions"]).sum(axis=1)
    assert (distance / np.abs(many["attributions"]).sum(axis=1)).max() < 0.05


def test_a_linear_network_is_explained_exactly(tmp_path):
    """The mean of embeddings, then one layer: a word's part is its vector's product with the weights of the class."""

    class Words(tf.Module):
        def __call__(self, batch):
            return {"token_ids": tf.RaggedTensor.from_tensor(self._ids(batch["text"]))}

        def _ids(self, texts):
            return tf.strings.to_number(tf.strings.split(texts, " ").to_tensor("0"), tf.int64)

        def tokens(self, texts):
            from models.text.tokens import Tokens

            words = tf.strings.split(texts, " ")
            zeros = words.with_values(tf.zeros_like(words.values, tf.int64))
            return Tokens(words, zeros, zeros)

    ids = keras.Input((None,), dtype="int64", name="token_ids")
    vectors = keras.layers.Embedding(4, 2, name="embedding")(ids)
    logits = keras.layers.Dense(1, name="logits")(keras.layers.GlobalAveragePooling1D()(vectors))
    network = keras.Model({"token_ids": ids}, logits)
    weights = [[[0, 0], [1, 2], [3, -1], [0, 5]], [[2], [1]], [0.5]]
    network.set_weights([np.array(weight, np.float32) for weight in weights])
    model = Model(tmp_path)
    export(network, Words(), task=Regression(), features={"text": "t"}, columns={"t": "BYTES"}, model=model)
    found = explained(tf.saved_model.load(str(model.serving)), ["1 2 3 1"], 1)

    np.testing.assert_allclose(found["attributions"], [[1.0, 1.25, 1.25, 1.0]], atol=1e-6)
    np.testing.assert_allclose([found["baseline"], found["explained"]], [[0.5], [5.0]], atol=1e-6)


@pytest.mark.parametrize("steps", [0, -1, MOST_STEPS + 1])
def test_the_number_of_steps_is_limited(tmp_path, steps):
    model = exported(tmp_path, "transformer", width=8, layers=1)
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"`steps` must be from 1 to {MOST_STEPS}"):
        explained(model, ["cat"], steps)


def test_a_pair_of_texts_is_not_explained(tmp_path):
    model = exported(tmp_path, "bert", features=("first", "second"), size="tiny")
    assert set(model.signatures) == {"serving_default", "serve_examples", "classify", "embed"}
