"""Hidden words are learned, told in what is exported, and the encoder is another family's start."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file, save_file

from models.bert import Bert, BertHyperparameters
from models.pretraining import PretrainedFamily
from models.tasks import Pretraining
from models.text.checkpoints import open_checkpoint
from models.training.averaging import WeightAverage
from models.training.dataset import Batches
from models.training.loop import fit
from models.training.optimizers import make_optimizer
from models.training.steps import Steps
from schemas.config import TrainingConfig
from schemas.errors import ConfigError
from tests.models.text.hugging_face import PIECES, last_hidden_state, write

FACTS = {"vocabulary": PIECES, "lower_case": 1}
TEXTS = ["the cat sat the mat", "a cat sat", "the mat the cat the mat", "cat b sat c"]


def family(base: Path, **settings: Any) -> PretrainedFamily:
    made = Bert(BertHyperparameters.model_validate({"sequence_length": 12, "weights": "bert", **settings}), ("text",))
    made.base = base
    return PretrainedFamily(made)


def ids_of(made: PretrainedFamily) -> tf.Tensor:
    return made.preprocess(FACTS)({"text": tf.constant(TEXTS)})["token_ids"].to_tensor()


def refined(made: PretrainedFamily) -> dict[str, Any]:
    return dict(made.refine(FACTS, [{"token_ids": ids_of(made)}] * 3))


@pytest.fixture
def made(tmp_path: Path) -> PretrainedFamily:
    write(tmp_path / "bert")
    keras.utils.set_random_seed(1)
    return family(tmp_path)


def test_pieces_are_counted(made: PretrainedFamily) -> None:
    counts = refined(made)["piece_counts"]
    assert counts[PIECES.index("the")] == 15 and counts[PIECES.index("[CLS]")] == 12
    assert counts.sum() == 3 * np.asarray(ids_of(made)).size


def test_vectors_of_pieces_are_what_they_are_told_by(made: PretrainedFamily) -> None:
    network = made.network(refined(made), len(PIECES))
    shapes = [tuple(weight.shape) for weight in network.trainable_weights]
    assert shapes.count((len(PIECES), 16)) == 1
    assert [tuple(layer.output.shape) for layer in network.layers if layer.name == "masked_words"] == [(None, None, 37)]


def test_vectors_of_more_than_the_pieces_are_told(tmp_path: Path) -> None:
    weights = write(tmp_path / "bert", vocab_size=40)
    words = "embeddings.word_embeddings.weight"
    weights[words] = np.concatenate([weights[words], np.zeros((3, 16), np.float32)])
    save_file(weights, tmp_path / "bert" / "model.safetensors")
    made = family(tmp_path)
    with pytest.raises(ConfigError, match=r"and no more\. Received: 40 vectors for 37 pieces"):
        made.network(refined(made), len(PIECES))


def test_what_is_exported_says_how_well_words_are_told(made: PretrainedFamily, tmp_path: Path) -> None:
    facts = refined(made)
    network = made.network(facts, len(PIECES))
    exported = made.exported(network, facts, len(PIECES))
    ids = ids_of(made)
    told = exported({"token_ids": ids}).numpy()

    _, fixed = made.masking(facts)
    inputs, labels = fixed({"token_ids": ids}, None, None)
    task, logits = Pretraining(len(PIECES)), network(inputs)
    np.testing.assert_array_equal(told[:, 0], task.units(labels))
    np.testing.assert_allclose(told[:, 2], task.loss(logits, labels) * told[:, 0], rtol=1e-5)
    np.testing.assert_allclose(told[:, 1], task.measure(logits, labels)[0] * told[:, 0], rtol=1e-6)
    counts = np.where(np.arange(37) < 5, 0, facts["piece_counts"]) + 1.0
    likely = np.log(counts / counts.sum())
    expected = [sum(-likely[label] for label in row if label) for row in labels.numpy()]
    np.testing.assert_allclose(told[:, 4], expected, rtol=1e-5)

    vectors = network.get_layer("backbone")
    assert vectors.output.shape == (None, None, 16)
    pooled = made.embedder(exported)({"token_ids": ids})
    np.testing.assert_array_equal(told[:, 5:], pooled)
    weights = load_file(tmp_path / "bert" / "model.safetensors")
    first = ids.numpy()[1][ids.numpy()[1] > 0]
    np.testing.assert_allclose(pooled[1], last_hidden_state(weights, first, np.zeros_like(first)).mean(0), atol=1e-5)

    made.embedder(exported).save(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "model.keras")({"token_ids": ids}), pooled)


def test_words_are_learned(made: PretrainedFamily) -> None:
    facts = refined(made)
    network, task = made.network(facts, len(PIECES)), Pretraining(len(PIECES))
    config = TrainingConfig(optimizer="adamw", learning_rate=0.01)
    average = WeightAverage(network, 0.9)
    steps = Steps(
        network, make_optimizer(config, network, 80), task, tf.distribute.get_strategy(), average=average, clip_norm=1.0
    )
    hide, fixed = made.masking(facts)
    ids = {"token_ids": ids_of(made)}
    batches = tf.data.Dataset.range(80).map(
        lambda step: (*hide(ids, None, tf.stack([tf.constant(1, tf.int64), step])), tf.ones(4))
    )
    before = network.get_layer("backbone").get_weights()
    first = steps.train(iter(batches), 10).means(task.measures)
    last = steps.train(iter(batches), 60).means(task.measures)
    assert last["loss"] < 0.8 * first["loss"] and last["masked_accuracy"] > first["masked_accuracy"]
    after = network.get_layer("backbone").get_weights()
    assert all((old != new).any() for old, new in zip(before, after, strict=True) if old.shape != (2, 16))
    watched = tf.data.Dataset.from_tensors((*fixed(ids, None, None), tf.ones(4)))
    sums = steps.evaluate(iter(watched), 1)
    assert sums.values[0] == tf.reduce_sum(task.units(fixed(ids, None, None)[1]))


def test_a_step_in_parts_weighs_pieces_as_one_of_all(made: PretrainedFamily) -> None:
    facts = refined(made)
    hide, _ = made.masking(facts)
    batch = (*hide({"token_ids": ids_of(made)}, None, tf.constant([1, 5], tf.int64)), tf.ones(4))
    weights = []
    for size in (None, 1):
        keras.utils.set_random_seed(1)
        network = made.network(facts, len(PIECES))
        for layer in network._flatten_layers():
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        config = TrainingConfig(optimizer="sgd", learning_rate=0.1)
        optimizer = make_optimizer(config, network, 1)
        strategy = tf.distribute.get_strategy()
        steps = Steps(network, optimizer, Pretraining(37), strategy, micro_batch_size=size)
        steps.train(iter(tf.data.Dataset.from_tensors(batch)), 1)
        weights.append(network.get_weights())
    for whole, parts in zip(*weights, strict=True):
        np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_a_checkpoint_holds_the_tensors_that_it_came_from(made: PretrainedFamily, tmp_path: Path) -> None:
    network = made.network(refined(made), len(PIECES))
    made.save_checkpoint(network, FACTS, tmp_path / "saved")
    before, after = (load_file(tmp_path / name / "model.safetensors") for name in ("bert", "saved"))
    assert set(after) == {name for name in before if "pooler" not in name}
    for name, value in after.items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize("place", ["saved", "version", "artifact"])
def test_another_pipeline_starts_from_it(tmp_path: Path, place: str) -> None:
    """Random weights of a size, and their vocabulary, wherever they stand."""
    made = family(tmp_path, weights="none", size="tiny")
    network = made.network(refined(made), len(PIECES))
    held = {"saved": "", "version": "7/assets.extra/checkpoint", "artifact": "Format-Serving/assets.extra/checkpoint"}
    made.save_checkpoint(network, FACTS, tmp_path / "pushed" / held[place])

    other = family(tmp_path, weights="pushed").family
    assert isinstance(other, Bert)
    assert other.given_facts() == FACTS
    assert other.files() == [tmp_path / "pushed" / held[place]]
    loaded = open_checkpoint("pushed", tmp_path).backbone(12)
    inputs = {"token_ids": ids_of(made), "padding_mask": tf.ones((4, 8)), "segment_ids": tf.zeros((4, 8))}
    np.testing.assert_array_equal(loaded(inputs), network.get_layer("backbone")(inputs))
    assert other.network(FACTS, 3).get_layer("backbone").count_params() == loaded.count_params()


def test_weights_that_change_while_a_pipeline_runs_are_noticed(tmp_path: Path) -> None:
    write(tmp_path / "bert")
    with pytest.raises(ConfigError, match="has another vocabulary than when the data was prepared"):
        family(tmp_path).family.network({**FACTS, "vocabulary": PIECES[:-1]}, 3)


class KilledError(Exception):
    """The process dies here."""


class Interrupt(keras.callbacks.Callback):
    """Dies after some inner loops."""

    def __init__(self, loops: int) -> None:
        super().__init__()
        self.countdown = [loops]  # a list of one: plain attributes come back with a checkpoint

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.countdown = [self.countdown[0] - 1]
        if self.countdown[0] == 0:
            raise KilledError


def split_of(folder: Path, made: PretrainedFamily, count: int) -> Path:
    path = folder / f"{count}.tfrecord"
    texts = [" ".join(PIECES[31 + (n * k) % 6] for k in range(1, 3 + n % 8)) for n in range(count)]
    ids = made.preprocess(FACTS)({"text": tf.constant(texts)})["token_ids"].to_list()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in ids:
            example = tf.train.Example()
            example.features.feature["token_ids"].int64_list.value.extend(row)
            writer.write(example.SerializeToString())
    return path


@pytest.mark.parametrize(("loops", "precision"), [(2, "float32"), (5, "mixed_bfloat16")])
def test_a_killed_pretraining_ends_as_an_undisturbed_one(
    made: PretrainedFamily, tmp_path: Path, loops: int, precision: str
) -> None:
    """What is hidden in a step depends on the step alone, and what is dropped on the layers' seeds."""
    files = [split_of(tmp_path, made, count) for count in (90, 20)]
    spec, facts = {"token_ids": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64)}, refined(made)

    def train(*callbacks: keras.callbacks.Callback, folder: str) -> Any:
        train, validation = (Batches([file], spec, 8, length_multiple=12, seed=3) for file in files)
        train.augment, validation.evaluated_as = made.masking(facts)
        settings = {"epochs": 2, "steps_per_loop": 5, "checkpoint_seconds": 0.0, "learning_rate": 0.01}
        config = TrainingConfig.model_validate({**settings, "seed": 3, "precision": precision})
        build, task = (lambda: made.network(facts, len(PIECES))), Pretraining(len(PIECES))
        return fit(build, task, train, validation, config, callbacks=list(callbacks), checkpoints=tmp_path / folder)

    undisturbed = train(folder="one")
    with pytest.raises(KilledError):
        train(Interrupt(loops), folder="two")
    resumed = train(folder="two")
    for ours, theirs in zip(resumed.model.get_weights(), undisturbed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    timeless = [[{**logs, "steps_per_second": 0} for logs in run.history] for run in (resumed, undisturbed)]
    assert timeless[0] == timeless[1]
    assert set(timeless[0][0]) >= {"masked_accuracy", "val_masked_accuracy"}
