"""Shares by hand, and of families' networks from the attention that their layers themselves give."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.infra.ops import judge_graph, read_meta_graph
from models.export.reading import Reading
from models.export.rollout import Attending, TextRollout, rollout
from models.padding import pad
from models.tasks import MultiLabel, Regression
from schemas.artifacts import Model
from tests.models.export.text_models import TEXTS, attributions_alone, exported, made, network_of

FAMILIES = [
    ("transformer", {"width": 16, "layers": 2, "pooling": "mean"}),
    ("transformer", {"width": 16, "layers": 3, "pooling": "max"}),
    ("transformer", {"width": 16, "layers": 1, "pooling": "max_mean"}),
    ("bert", {"size": "tiny", "pooling": "mean"}),
    ("bert", {"size": "tiny", "pooling": "first"}),
    ("bert", {"size": "tiny", "pooling": "max"}),
]


def asked(model, texts: list[str], signature: str = "rollout") -> dict[str, np.ndarray]:
    outputs = model.signatures[signature](text=tf.constant(texts, tf.string, (len(texts),)))
    return {name: value.numpy() for name, value in outputs.items()}


def two_layers() -> list[tf.Tensor]:
    """Two heads each; of the second text, whose second token is padding, only what is looked at there is of use."""
    padded = [[[1.0, 0.0], [0.3, 0.7]]] * 2
    first = [[[1.0, 0.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]]
    second = [[[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [1.0, 0.0]]]
    return [tf.constant([first, padded]), tf.constant([second, padded])]


@pytest.mark.parametrize(
    ("pooling", "shares"),
    [([0.5, 0.5], [0.71875, 0.28125]), ([1.0, 0.0], [0.8125, 0.1875]), ([0.0, 1.0], [0.625, 0.375])],
)
def test_two_layers_by_hand(pooling, shares):
    """B_1 is [[1, 0], [1/4, 3/4]], B_2 is [[3/4, 1/4], [1/2, 1/2]]."""
    found = rollout(two_layers(), tf.constant([pooling, [1.0, 0.0]]), tf.constant([[True, True], [True, False]]))
    np.testing.assert_array_equal(found, [shares, [1.0, 0.0]])


def test_padding_has_no_share_even_where_it_is_looked_at():
    attention = [tf.fill((1, 1, 3, 3), 1 / 3)] * 2
    found = rollout(attention, tf.fill((1, 3), 1 / 3), tf.constant([[True, True, False]]))
    assert found[0, 2] == 0.0 and found[0, 0] > 0.0


@pytest.mark.parametrize(("family", "hyperparameters"), FAMILIES)
def test_shares_are_those_of_the_layers_own_attention(family, hyperparameters):
    of_family, facts = made(family, **hyperparameters)
    network = network_of(of_family, facts, 2)
    inputs = pad(of_family.preprocess(facts)({"text": tf.constant(TEXTS)}))
    attention, pooling, logits = Attending.of(network).looked_at(inputs)
    there = inputs["token_ids"].numpy() > 0

    backbone = network.get_layer("backbone")
    given = (
        inputs["token_ids"]
        if family == "transformer"
        else {
            "token_ids": inputs["token_ids"],
            "padding_mask": tf.cast(there, tf.int32),
            "segment_ids": tf.zeros(there.shape, tf.int32),
        }
    )
    product, expected = np.eye(there.shape[1])[None], _pooling(backbone(given).numpy(), there, of_family.config.pooling)
    for weights in _attention(backbone, given, there, family):
        product = (0.5 * weights.mean(axis=1) + 0.5 * np.eye(there.shape[1])) @ product

    np.testing.assert_allclose(pooling, expected, atol=1e-6)
    np.testing.assert_allclose(
        rollout(attention, pooling, there), np.einsum("bt,bts->bs", expected, product), atol=1e-6
    )
    np.testing.assert_allclose(logits, network(inputs), atol=1e-5)


def _attention(backbone: keras.Model, given: object, there: np.ndarray, family: str) -> list[np.ndarray]:
    """What each layer says that it looked at, asked by itself."""
    name, argument = (
        ("block_", "return_attention")
        if family == "transformer"
        else (
            "transformer_layer_",
            "return_attention_scores",
        )
    )
    found = []
    for layer in (layer for layer in backbone.layers if layer.name.startswith(name)):
        came_in = keras.Model(backbone.input, layer.input[0])(given)
        found.append(layer(came_in, there, **{argument: True})[1].numpy())
    return found


def _pooling(states: np.ndarray, there: np.ndarray, mode: str) -> np.ndarray:
    if mode == "first":
        return np.eye(there.shape[1])[[0] * len(there)]
    mean = there / there.sum(axis=1, keepdims=True)
    largest = np.where(there[..., None], states, -np.inf).argmax(axis=1)
    most = np.stack([np.bincount(row, minlength=there.shape[1]) / states.shape[2] for row in largest])
    return {"mean": mean, "max": most, "max_mean": (mean + most) / 2}[mode]


@pytest.mark.parametrize("family", ["transformer", "bert"])
def test_the_exported_signature(tmp_path, family):
    model = exported(tmp_path, family, **({"width": 16} if family == "transformer" else {"size": "tiny"}))
    found = asked(model, TEXTS)

    np.testing.assert_allclose(found["scores"], asked(model, TEXTS, "serving_default")["scores"], atol=1e-6)
    shape = found["attributions"].shape
    assert found["tokens"].shape == found["starts"].shape == found["ends"].shape == shape
    np.testing.assert_allclose(found["attributions"].sum(axis=1), np.ones(3), atol=1e-6)
    padding = (found["tokens"] == b"") & (np.arange(shape[1]) > 0)
    assert padding.any() and not found["attributions"][padding].any()
    assert (found["attributions"][~padding] > 0.0).all()
    alone = asked(model, ["cat"])
    np.testing.assert_allclose(
        found["attributions"][2, : alone["tokens"].shape[1]], alone["attributions"][0], atol=1e-6
    )
    assert asked(model, [])["attributions"].shape[0] == 0
    assert [rule.verdict for rule in judge_graph(read_meta_graph(Model(tmp_path).serving), ())] == ["passed", "passed"]


def test_shares_of_a_pair():
    of_family, facts = made("bert", ("question", "answer"), size="tiny")
    network, preprocess, task = network_of(of_family, facts, 2), of_family.preprocess(facts), MultiLabel(["a", "b"])
    rollout_of = TextRollout(Attending.of(network), Reading(of_family.features, preprocess, preprocess), task)
    batch = {"question": tf.constant(["The cat", "x", ""]), "answer": tf.constant(["sat on x", "", ""])}
    found = {name: value.numpy() for name, value in rollout_of(batch).items()}
    there = found["features"] != b""
    np.testing.assert_allclose(found["attributions"].sum(axis=1), np.ones(3), atol=1e-6)
    assert (found["attributions"][there] > 0.0).all() and not found["attributions"][~there].any()
    assert found["features"][0].tolist() == [b"question"] * 4 + [b"answer"] * 4
    answers = task.answers(network(pad(preprocess(batch))))
    np.testing.assert_allclose(found["scores"], answers["scores"], atol=1e-6)


@pytest.mark.slow
def test_tensorflow_and_its_text_ops_are_enough(tmp_path):
    model = exported(tmp_path, "bert", size="tiny")
    alone = attributions_alone(tmp_path, "rollout", {"text": TEXTS})
    np.testing.assert_allclose(alone, asked(model, TEXTS)["attributions"], atol=1e-6)


@pytest.mark.parametrize("task", [Regression(), MultiLabel(["a", "b"])])
def test_every_task_about_a_text_has_it(task):
    of_family, facts = made("transformer", width=8, layers=1)
    network, preprocess = network_of(of_family, facts, task.outputs), of_family.preprocess(facts)
    reading = Reading(["text"], preprocess, preprocess)
    found = TextRollout(Attending.of(network), reading, task)({"text": tf.constant(TEXTS)})
    answers = task.answers(network(pad(preprocess({"text": tf.constant(TEXTS)}))))
    assert found.keys() == {"tokens", "starts", "ends", "attributions", *answers}
    for name, value in answers.items():
        np.testing.assert_array_equal(found[name], value)


def test_networks_without_attention_lack_it():
    of_family, facts = made("lstm", embedding_dim=4, units=4)
    assert Attending.of(network_of(of_family, facts, 2)) is None
    ids = keras.Input((None,), dtype="int64", name="token_ids")
    states = keras.Model(ids, keras.layers.Embedding(4, 2)(ids), name="backbone")(ids)
    pooled = keras.layers.GlobalAveragePooling1D(name="pooled")(states)
    assert Attending.of(keras.Model({"token_ids": ids}, keras.layers.Dense(2)(pooled))) is None


@pytest.mark.parametrize("several", [False, True])
def test_a_backbone_must_give_vectors_and_nothing_else(several):
    """One of a family of one's own is exported all the same."""
    ids = keras.Input((None,), dtype="int64", name="token_ids")
    vectors = keras.layers.Embedding(4, 2)(ids)
    attended = keras.layers.MultiHeadAttention(1, 2)(vectors, vectors)
    backbone = keras.Model(
        ids, {"sequence": attended, "first": attended[:, 0]} if several else attended, name="backbone"
    )
    states = backbone(ids)["sequence"] if several else backbone(ids)
    pooled = keras.layers.GlobalAveragePooling1D(name="pooled")(states)
    attending = Attending.of(keras.Model({"token_ids": ids}, keras.layers.Dense(2)(pooled)))
    assert (attending is None) == several
