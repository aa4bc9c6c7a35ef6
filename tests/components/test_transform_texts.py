"""Texts that nobody hopes for, in Transform's graph and in the exported model's."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.transforms.features import RawFeatures
from components.transforms.materialize import LabelSpec, TransformModule
from models.export.saved_model import export
from models.family import Family
from models.padding import pad
from models.registry import make_family
from models.tasks import Classification
from schemas.artifacts import Model
from schemas.config import ModelConfig
from tests.models.text.hugging_face import PIECES, write

TEXTS = [
    b"",
    b" \t\n",
    b"\x00\x01",
    b"the cat " * 125_000,
    b"x" * 1_000_000,
    "쎛 쎜 \U0001f600".encode(),
    b"cat \xff\xfe sat",
]
HEAD, CAT, SAT, UNKNOWN = 2, 33, 34, 1


def examples() -> tf.Tensor:
    def example(text: bytes) -> bytes:
        feature = {
            "text": tf.train.Feature(bytes_list=tf.train.BytesList(value=[text])),
            "label": tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"a"])),
        }
        return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()

    return tf.constant([example(text) for text in TEXTS])


def family(name: str, base: Path) -> Family:
    settings = {"weights": "bert"} if name == "bert" else {"word_vectors": "random"}
    return make_family(ModelConfig(family=name, sequence_length=12, **settings), ["text"], base=base)


@pytest.mark.parametrize("name", ["bert", "transformer", "lstm"])
def test_hard_texts_have_the_same_answers_in_training_and_serving(tmp_path: Path, name: str) -> None:
    write(tmp_path / "bert")
    made, facts = family(name, tmp_path), {"vocabulary": PIECES, "lower_case": 1}
    keras.utils.set_random_seed(1)
    network, task = made.network(facts, 2), Classification(["a", "b"])
    columns = {"text": "BYTES", "label": "BYTES"}
    features = RawFeatures({"text": "text"}, columns)
    transform = TransformModule(made.preprocess(facts), features, LabelSpec("label", ("a", "b")))
    inputs = transform.transform_features(examples())
    lengths = inputs["token_ids"].row_lengths().numpy()
    assert lengths.min() >= 1 and lengths.max() == 12

    model = Model(tmp_path / "model")
    preprocess = made.preprocess(facts)
    export(network, preprocess, task=task, features={"text": "text"}, columns=columns, model=model)
    signatures = tf.saved_model.load(str(model.serving)).signatures
    served = signatures["serving_default"](text=tf.constant(TEXTS))["scores"]
    trained = task.answers(network(pad({"token_ids": inputs["token_ids"]}), training=False))["scores"]
    assert np.isfinite(served).all()
    np.testing.assert_allclose(served, trained, atol=1e-6)
    np.testing.assert_allclose(signatures["serve_examples"](examples=examples())["scores"], served, atol=1e-6)


def test_what_hard_texts_become_for_bert(tmp_path: Path) -> None:
    write(tmp_path / "bert")
    made = family("bert", tmp_path)
    ids = made.preprocess(made.given_facts())({"text": tf.constant(TEXTS)})["token_ids"].to_list()
    nothing = [HEAD, 3]
    assert ids[:3] == [nothing] * 3
    assert ids[3] == [HEAD, *[32, CAT] * 5, 3]
    assert ids[4] == [HEAD, UNKNOWN, 3]  # one word, too long to be looked up
    assert ids[5] == [HEAD, UNKNOWN, UNKNOWN, UNKNOWN, 3]
    assert ids[6][:2] == [HEAD, CAT] and ids[6][-2:] == [SAT, 3] and UNKNOWN in ids[6]
