"""Attributions by hand, and that they add up whatever the family."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.infra.ops import judge_graph, read_meta_graph
from models.export.embedded import Embedded
from models.export.integrated_gradients import TextExplanation
from models.export.reading import Reading
from models.export.saved_model import export
from models.export.steps import MOST_STEPS
from models.padding import pad
from models.tasks import MultiLabel, Regression, TaskHead
from models.text.tokens import Tokens
from schemas.artifacts import Model
from tests.models.export.text_models import TEXTS, WORDS, attributions_alone, exported, made, network_of

PAIR = {"second": ["The cat sat on 中文 x", "", "cat", ""], "first": ["cat the", "x", "", ""]}
"""In the order that the model reads them in."""


def explained(model, texts: list[str], steps: int) -> dict[str, np.ndarray]:
    return asked(model, steps, text=texts)


def asked(model, steps: int, **texts: list[str]) -> dict[str, np.ndarray]:
    tensors = {name: tf.constant(some, tf.string, (len(some),)) for name, some in texts.items()}
    count = len(next(iter(texts.values())))
    found = model.signatures["explain"](**tensors, steps=tf.constant([steps] * count, tf.int64, (count,)))
    return {name: value.numpy() for name, value in found.items()}


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
    assert "features" not in found
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

        def tokens(self, batch):
            words = tf.strings.split(batch["text"], " ")
            zeros = words.with_values(tf.zeros_like(words.values, tf.int64))
            return Tokens.of("text", words, zeros, zeros)

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


@pytest.mark.parametrize(
    ("family", "hyperparameters"),
    [pytest.param(*one, marks=[pytest.mark.slow] if one[0] == "transformer" else []) for one in FAMILIES],
)
def test_parts_of_a_pair_add_up_and_say_which_text_they_are_of(tmp_path, family, hyperparameters):
    model = exported(tmp_path, family, features=tuple(PAIR), **hyperparameters)
    found = asked(model, 50, **PAIR)
    answers = model.signatures["serving_default"](**{name: tf.constant(texts) for name, texts in PAIR.items()})

    np.testing.assert_allclose(found["scores"], answers["scores"], atol=1e-6)
    rise = found["explained"] - found["baseline"]
    assert np.abs(rise[:3]).min() > 1e-3
    np.testing.assert_allclose(found["attributions"].sum(axis=1), rise, rtol=2e-3, atol=1e-5)
    columns = ("attributions", "tokens", "starts", "ends", "features")
    assert len({found[name].shape for name in columns}) == 1
    marks = [b"[CLS]", b"[SEP]"]
    assert _stand_in(found, 0, b"second") == ["The", "cat", "sat", "on", "中", "文", "x"]
    assert _stand_in(found, 0, b"first") == ["cat", "the"]
    assert _stand_in(found, 1, b"second") == [] and _stand_in(found, 1, b"first") == ["x"]
    if family == "bert":
        assert found["tokens"][1][:4].tolist() == [*marks, b"x", marks[1]]
        assert found["features"][1][:4].tolist() == [b"second"] * 2 + [b"first"] * 2
    after = found["features"] == b""
    assert after.any() and not found["attributions"][after].any() and set(found["tokens"][after]) == {b""}
    assert asked(model, 3, second=[], first=[])["attributions"].shape[0] == 0
    assert [rule.verdict for rule in judge_graph(read_meta_graph(Model(tmp_path).serving), ())] == ["passed", "passed"]


def _stand_in(found: dict[str, np.ndarray], row: int, feature: bytes) -> list[str]:
    """What tokens of a feature stand for in its text."""
    places = zip(found["features"][row], found["starts"][row], found["ends"][row], strict=True)
    text = PAIR[feature.decode()][row]
    return [text[start:end] for name, start, end in places if name == feature and start < end]


@pytest.mark.parametrize("task", [Regression(mean=3.0, scale=2.0), MultiLabel(["a", "b"])])
def test_every_task_about_a_pair_has_it(task: TaskHead):
    of_family, facts = made("bert", tuple(PAIR), size="tiny")
    network, preprocess = network_of(of_family, facts, task.outputs), of_family.preprocess(facts)
    reading = Reading(of_family.features, preprocess, preprocess)
    batch = {name: tf.constant(texts) for name, texts in PAIR.items()}
    found = TextExplanation(Embedded(network), reading, task)(batch, tf.fill((4,), tf.constant(20, tf.int64)))
    answers = task.answers(network(pad(preprocess(batch))))

    assert found.keys() >= answers.keys()
    np.testing.assert_allclose(
        tf.reduce_sum(found["attributions"], axis=1), found["explained"] - found["baseline"], rtol=2e-3, atol=1e-5
    )
    assert np.abs(found["explained"] - found["baseline"]).max() > 1e-2


@pytest.mark.slow
def test_tensorflow_and_its_text_ops_are_enough(tmp_path):
    model = exported(tmp_path, "bert", features=tuple(PAIR), size="tiny")
    alone = attributions_alone(tmp_path, "explain", {**PAIR, "steps": [9] * 4})
    np.testing.assert_allclose(alone, asked(model, 9, **PAIR)["attributions"], atol=1e-5)
