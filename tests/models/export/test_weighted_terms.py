"""What words add to a sum of n-grams: by hand, and as the exported model tells it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.infra.ops import judge_graph, read_meta_graph
from models.export.steps import MOST_STEPS
from models.export.weighted_terms import TermExplanation
from models.layers.weighted_sum import WeightedSum
from models.linear import Linear, LinearHyperparameters
from models.padding import pad
from models.tasks import Classification, MultiLabel, Regression, TaskHead
from models.text.tfidf import IDS, WEIGHTS
from schemas.artifacts import Model
from tests.models.export.text_models import TEXTS, attributions_alone, exported

FACTS = {"ngrams": ["cat", "dog", "the cat"], "idf": np.array([1.0, 2.0, 3.0], np.float32)}
KERNEL = np.array([[9.0, 9.0], [1.0, -1.0], [0.5, 2.0], [4.0, 0.0]], np.float32)
BIAS = np.array([0.25, -0.5], np.float32)


def asked(model, steps: int = 50, signature: str = "explain", **texts: list[str]) -> dict[str, np.ndarray]:
    tensors = {name: tf.constant(some, tf.string, (len(some),)) for name, some in texts.items()}
    count = len(next(iter(texts.values())))
    more = {"steps": tf.constant([steps] * count, tf.int64, (count,))} if signature == "explain" else {}
    return {name: value.numpy() for name, value in model.signatures[signature](**tensors, **more).items()}


def explained(task: TaskHead, features: tuple[str, ...], *texts: list[str]) -> dict[str, np.ndarray]:
    family = Linear(LinearHyperparameters(), features)
    network, preprocess = family.network(FACTS, task.outputs), family.preprocess(FACTS)
    network.set_weights([KERNEL[:, : task.outputs], BIAS[: task.outputs]])
    batch = {name: tf.constant(some) for name, some in zip(features, texts, strict=True)}
    explanation = TermExplanation.of(network, preprocess, lambda raw: network(pad(preprocess(raw))), task)
    found = explanation(batch, tf.ones(len(texts[0]), tf.int64))
    return {name: value.numpy() for name, value in found.items()}


TASKS = [Classification(["a", "b"]), MultiLabel(["a", "b"]), Regression(mean=3.0, scale=2.0)]


@pytest.mark.parametrize("task", TASKS)
def test_words_of_a_text_by_hand(task):
    """`cat` stands there twice, once within `the cat`; of two classes the first one's logit is explained."""
    found = explained(task, ("text",), ["The cat: cat dog!", "nothing known", ""])
    cat, dog, the_cat = np.array([(1 + np.log(2)) * 1, 2, 3]) / np.linalg.norm([1 + np.log(2), 2, 3])
    of_cat, of_dog, of_pair = cat * 1.0, dog * 0.5, the_cat * 4.0

    words = [of_pair / 2, of_cat / 2 + of_pair / 2, 0.0, of_cat / 2, of_dog, 0.0]
    np.testing.assert_allclose(found["attributions"][0], words, rtol=1e-6)
    assert found["tokens"][0].tolist() == [b"the", b"cat", b":", b"cat", b"dog", b"!"]
    assert found["starts"][0].tolist() == [0, 4, 7, 9, 13, 16] and found["ends"][0].tolist() == [3, 7, 8, 12, 16, 17]
    np.testing.assert_allclose(found["explained"], [0.25 + of_cat + of_dog + of_pair, 0.25, 0.25], rtol=1e-6)
    np.testing.assert_array_equal(found["baseline"], [0.25] * 3)
    assert not found["attributions"][1:].any() and "features" not in found


def test_the_class_of_the_answer_is_explained_whatever_its_place():
    found = explained(Classification(["a", "b"]), ("text",), ["dog"])
    assert found["label"] == [b"b"]
    np.testing.assert_allclose(found["attributions"], [[2.0]], rtol=1e-6)
    np.testing.assert_allclose([found["explained"][0], found["baseline"][0]], [1.5, -0.5], rtol=1e-6)


def test_an_ngram_across_two_texts_is_shared_by_words_of_both():
    found = explained(Classification(["a", "b"]), ("b", "a"), ["x the", "dog"], ["cat", ""])
    cat, the_cat = np.array([1, 3]) / np.linalg.norm([1, 3])
    np.testing.assert_allclose(found["attributions"][0], [0.0, 2 * the_cat, 2 * the_cat + cat], rtol=1e-6)
    assert found["features"].tolist() == [[b"b", b"b", b"a"], [b"b", b"", b""]]
    assert found["starts"].tolist() == [[0, 2, 0], [0, 0, 0]]


@pytest.mark.parametrize("hyperparameters", [{}, {"ngrams": (1, 3)}, {"hash_buckets": 8}, {"ngrams": (2, 2)}])
def test_the_exported_signature_is_exact(tmp_path, hyperparameters):
    texts = [*TEXTS, "the cat sat the cat sat the cat x", "x unknown 中文 中文"]
    model = exported(tmp_path, "linear", **hyperparameters)
    found, answers = asked(model, text=texts), asked(model, signature="serving_default", text=texts)

    for name, value in answers.items():
        np.testing.assert_array_equal(found[name], value)
    rise = found["explained"] - found["baseline"]
    assert np.abs(rise[[0, 3]]).min() > 1e-2
    np.testing.assert_allclose(found["attributions"].sum(axis=1), rise, atol=1e-6)
    shape = found["attributions"].shape
    assert found["tokens"].shape == found["starts"].shape == found["ends"].shape == shape
    assert not found["attributions"][found["tokens"] == b""].any()
    np.testing.assert_array_equal(found["attributions"], asked(model, 1, text=texts)["attributions"])
    assert asked(model, text=[])["attributions"].shape[0] == 0
    assert asked(model, text=["", ""])["attributions"].tolist() == [[0.0], [0.0]]
    assert [rule.verdict for rule in judge_graph(read_meta_graph(Model(tmp_path).serving), ())] == ["passed", "passed"]


@pytest.mark.parametrize("steps", [0, MOST_STEPS + 1])
def test_steps_that_others_refuse_are_refused(tmp_path, steps):
    model = exported(tmp_path, "linear")
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"`steps` must be from 1 to {MOST_STEPS}"):
        asked(model, steps, text=["cat"])


def test_what_is_more_than_a_sum_of_terms_is_not_explained():
    family = Linear(LinearHyperparameters(), ("text",))
    ids, weights = keras.Input((None,), dtype="int64", name=IDS), keras.Input((None,), name=WEIGHTS)
    inner = WeightedSum(4, 3)(ids, weights)
    network = keras.Model({IDS: ids, WEIGHTS: weights}, keras.layers.Dense(2)(inner))
    rest = (network, Classification(["a", "b"]))
    assert TermExplanation.of(network, family.preprocess(FACTS), *rest) is None
    assert TermExplanation.of(family.network(FACTS, 2), lambda batch: batch, *rest) is None


@pytest.mark.slow
def test_tensorflow_and_its_text_ops_are_enough(tmp_path):
    model = exported(tmp_path, "linear")
    alone = attributions_alone(tmp_path, "explain", {"text": TEXTS, "steps": [1] * len(TEXTS)})
    np.testing.assert_allclose(alone, asked(model, text=TEXTS)["attributions"], atol=1e-6)
