"""From transformed examples to a model that answers, with a family that nothing in the house knows."""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.component import Channel, PreviousBlessed
from components.trainer import Trainer
from components.transform import Transform
from models.facts import load_facts, save_facts
from models.registry import make_family
from models.training.events import last_step
from schemas.artifacts import Examples, Model, ModelRun, Schema, TransformGraph
from schemas.config import ModelConfig, TrainingConfig
from schemas.errors import ConfigError, DataError
from tests.pipeline.real.curves import curves

FAMILY = '''
"""A family of one's own: words hashed to ids in the graph, the mean of their embeddings, one layer."""

import keras
import tensorflow as tf

from models.family import Family, Hyperparameters


class Settings(Hyperparameters):
    width: int = 8


class Hashed(tf.Module):
    def __init__(self, buckets):
        super().__init__()
        self.buckets = buckets

    def __call__(self, raw):
        words = tf.strings.split(raw["text"])
        return {"ids": tf.strings.to_hash_bucket_fast(words, self.buckets - 1) + 1}


class Bag(Family):
    Config = Settings

    def analyzers(self):
        return []

    def preprocess(self, facts):
        return Hashed(facts["buckets"])

    def refine(self, facts, inputs):
        longest = max(int(batch["ids"].shape[1]) for batch in inputs)
        return {**facts, "longest": longest}

    def network(self, facts, outputs):
        assert facts["longest"] == 6
        ids = keras.Input((None,), dtype="int64", name="ids")
        hidden = keras.layers.Embedding(facts["buckets"], self.config.width, mask_zero=True)(ids)
        hidden = keras.layers.GlobalAveragePooling1D()(hidden)
        return keras.Model({"ids": ids}, keras.layers.Dense(outputs)(hidden))
'''

WORDS = {"sport": "goal match team", "trade": "price market ship"}
BUCKETS = 500


@pytest.fixture
def family(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "bag_family.py").write_text(FAMILY)
    sys.path.append(str(tmp_path))
    yield "bag_family:Bag"
    sys.path.remove(str(tmp_path))
    sys.modules.pop("bag_family", None)


@pytest.fixture
def trainer(tmp_path: Path, family: str):
    """Binds a Trainer to small transformed examples; keyword arguments are its parameters."""

    def make(task: str = "classification", champion: Model | None = None, **parameters) -> Trainer:
        model_config = ModelConfig.model_validate({"family": family, **parameters.pop("model", {})})
        training = TrainingConfig(
            **{"epochs": 4, "batch_size": 8, "learning_rate": 0.1, **parameters.pop("training", {})}
        )
        unbound = Trainer(
            examples=Channel(_upstream(), "transformed_examples", Examples),
            transform_graph=Channel(_upstream(), "transform_graph", TransformGraph),
            schema=Channel(_upstream(), "schema", Schema),
            champion=PreviousBlessed() if training.warm_start == "champion" else None,
            **{
                "model_config": model_config,
                "training": training,
                "features": {"text": "story"},
                "label": "topic",
                "task": task,
                "eval_split": "eval",
                **parameters,
            },
        )
        folders = {name: tmp_path / name for name in ("examples", "graph", "schema", "model", "model_run")}
        for folder in folders.values():
            folder.mkdir(exist_ok=True)
        graph = TransformGraph(folders["graph"])
        _write_schemas(task, Schema(folders["schema"]), graph)
        preprocess = make_family(model_config, ("text",)).preprocess(load_facts(graph.facts))
        for split, count in (("train", 96), ("eval", 32)):
            _write_split(Examples(folders["examples"]).split_path(split), preprocess, task, count)
        inputs = {
            "examples": Examples(folders["examples"]),
            "transform_graph": graph,
            "schema": Schema(folders["schema"]),
            **({"champion": champion} if "champion" in unbound.inputs else {}),
        }
        return unbound.bind(inputs, {"model": Model(folders["model"]), "model_run": ModelRun(folders["model_run"])})

    return make


def _upstream() -> Transform:
    return Transform.__new__(Transform)


def _write_schemas(task: str, schema: Schema, graph: TransformGraph) -> None:
    label = "type: FLOAT" if task == "regression" else 'type: BYTES string_domain { value: "trade" value: "sport" }'
    schema.path.write_text(f'feature {{ name: "story" type: BYTES }}\nfeature {{ name: "topic" {label} }}\n')
    graph.transformed_schema.parent.mkdir(exist_ok=True)
    kind = "FLOAT" if task == "regression" else "INT"
    graph.transformed_schema.write_text(
        f'feature {{ name: "ids" type: INT }}\nfeature {{ name: "label" type: {kind} shape {{ }} }}\n'
    )
    if not graph.facts.exists():
        save_facts(graph.facts, {"buckets": BUCKETS})


def _texts(count: int) -> tuple[list[str], list[int]]:
    """Stories of 1 to 6 words, and which of the classes, sorted, they belong to."""
    random = np.random.default_rng(count)
    labels = [int(label) for label in random.integers(2, size=count)]
    classes = sorted(WORDS)
    return [" ".join(random.choice(WORDS[classes[y]].split(), 1 + i % 6)) for i, y in enumerate(labels)], labels


def _write_split(folder: Path, preprocess, task: str, count: int) -> None:
    texts, labels = _texts(count)
    folder.mkdir(parents=True, exist_ok=True)
    rows = preprocess({"text": tf.constant(texts)})["ids"].to_list()
    with tf.io.TFRecordWriter(str(folder / "data_tfrecord-00000-of-00001")) as writer:
        for ids, label in zip(rows, labels, strict=True):
            example = tf.train.Example()
            example.features.feature["ids"].int64_list.value.extend(ids)
            if task == "regression":
                example.features.feature["label"].float_list.value.append(1000.0 + 50.0 * label)
            else:
                example.features.feature["label"].int64_list.value.append(label)
            writer.write(example.SerializeToString())


def test_trains_exports_and_leaves_curves(trainer, context):
    bound = trainer()
    bound.run(context)

    served = tf.saved_model.load(str(bound.model.serving)).signatures["serving_default"]
    answers = served(text=tf.constant(["goal team", "ship market price"]))
    assert [label.decode() for label in answers["label"].numpy()] == ["sport", "trade"]
    assert bound.model.classes() == ["sport", "trade"]
    assert bound.model.keras.exists()
    assert bound.model.columns() == {"story": "BYTES"}
    for folder in (bound.model_run.uri, context.tensorboard):
        assert last_step(folder / "train") == last_step(folder / "validation") == 3


def test_regression_learns_numbers_of_any_scale(trainer, context):
    bound = trainer(task="regression", training={"monitor": "val_mae", "epochs": 12})
    bound.run(context)

    served = tf.saved_model.load(str(bound.model.serving)).signatures["serving_default"]
    answers = served(text=tf.constant(["goal team", "ship market price"]))
    np.testing.assert_allclose(answers["prediction"], [1000.0, 1050.0], atol=10.0)


def test_same_work_again_goes_on_from_its_checkpoint(trainer, context):
    bound = trainer()
    bound.run(context)
    first, written = json.dumps(_weights(bound.model)), _checkpoints(context)
    again = trainer()
    again.run(context)

    assert json.dumps(_weights(again.model)) == first
    assert _checkpoints(context) == written  # nothing was trained again


def _checkpoints(context) -> list[str]:
    return sorted(path.name for path in (context.scratch / "checkpoints").glob("ckpt-*.index"))


def _weights(model: Model) -> list:
    import keras

    return [weights.tolist() for weights in keras.models.load_model(model.keras).get_weights()]


@pytest.fixture
def champion(trainer, context, tmp_path: Path) -> Model:
    bound = trainer()
    bound.run(context)
    for folder in (bound.model_run.uri, context.scratch, context.tensorboard):
        shutil.rmtree(folder)
    return Model(bound.model.uri.rename(tmp_path / "champion"))


WARM = {"warm_start": "champion", "checkpoint_seconds": 0.0}


def test_a_warm_start_begins_where_the_champion_ended(trainer, context, champion):
    """At a rate of next to nothing: the first epoch's loss is the champion's, and so are the weights."""
    losses = []
    for training in ({"warm_start": "champion"}, {}):
        bound = trainer(champion=champion, training={"epochs": 1, "learning_rate": 1e-9, **training})
        bound.run(context)
        losses.append(curves(bound.model_run.uri / "train")["epoch_loss"][0])
        if training:
            np.testing.assert_allclose(_weights(bound.model)[0], _weights(champion)[0], atol=1e-6)
            assert bound.model.properties["warm_start"] == f"training starts from the champion {champion.uri}"
        for folder in (bound.model_run.uri, bound.model.uri, context.scratch, context.tensorboard):
            shutil.rmtree(folder)
    assert losses[0] < 0.2
    assert losses[1] > 0.5


def test_a_warm_training_that_is_interrupted_goes_on_exactly(trainer, context, champion, monkeypatch):
    whole = trainer(champion=champion, training=WARM)
    whole.run(context)
    undisturbed = json.dumps(_weights(whole.model))
    for folder in (whole.model.uri, whole.model_run.uri, context.scratch, context.tensorboard):
        shutil.rmtree(folder)

    @contextmanager
    def until_the_second_epoch_ends(description: str, total: int | None = None):
        yield _Interrupting(after=2 * 96 // 8)

    with monkeypatch.context() as patched:
        patched.setattr(type(context), "progress", lambda *_, **__: until_the_second_epoch_ends(""))
        with pytest.raises(InterruptedError):
            trainer(champion=champion, training=WARM).run(context)
    assert _checkpoints(context)
    again = trainer(champion=champion, training=WARM)
    again.run(context)
    assert json.dumps(_weights(again.model)) == undisturbed


class _Interrupting:
    """Progress that ends the training once so many steps are done."""

    def __init__(self, after: int) -> None:
        self._left = after

    def advance(self, steps: int = 1, **shown: float) -> None:
        self._left -= steps
        if self._left < 0:
            raise InterruptedError


def test_a_champion_that_does_not_fit_is_said_and_left(trainer, context, champion, caplog):
    bound = trainer(champion=champion, model={"width": 9}, training=WARM)
    bound.run(context)
    why = "is of shape (500, 9), the champion's is of (500, 8)"
    assert "training starts from scratch: " in caplog.text
    assert why in caplog.text
    assert why in bound.model.properties["warm_start"]


def test_without_a_champion_a_warm_start_is_a_cold_one(trainer, context):
    bound = trainer(training={"warm_start": "champion", "epochs": 1})
    bound.run(context)
    assert bound.model.properties["warm_start"] == "training starts from scratch: no model has been blessed yet"


def test_weights_of_labels_reach_training(trainer, context):
    bound = trainer(training={"class_weights": {"sport": 0.0, "trade": 1.0}})
    bound.run(context)

    served = tf.saved_model.load(str(bound.model.serving)).signatures["serving_default"]
    assert served(text=tf.constant(["goal team"]))["label"].numpy()[0] == b"trade"


def test_a_change_to_the_family_counts(trainer):
    assert trainer().sources() == ("bag_family",)
    assert Trainer.libraries == ("tensorflow", "keras", "tensorflow-text", "numpy")


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"training": {"class_weights": {"sprot": 2.0}}}, ConfigError, "Received: sprot"),
        ({"training": {"monitor": "val_f1"}}, ConfigError, "`training.monitor` must be one of val_loss"),
        ({"model": {"widht": 3}}, ConfigError, "`model.widht`"),
        ({"features": {"the text": "story"}}, ConfigError, "`data.features`.*Received: the text"),
        ({"eval_split": "test"}, DataError, "`test` must hold examples"),
        (
            {"task": "multi-label", "training": {"class_weights": "balanced"}},
            ConfigError,
            "is for classification. Received: task=multi-label",
        ),
    ],
)
def test_mistakes_are_told_in_the_users_words(trainer, context, parameters, error, message):
    with pytest.raises(error, match=message):
        trainer(**parameters).run(context)


def test_given_weights_are_part_of_the_fingerprint(tmp_path: Path) -> None:
    trainer = Trainer(
        examples=Channel(_upstream(), "transformed_examples", Examples),
        transform_graph=Channel(_upstream(), "transform_graph", TransformGraph),
        schema=Channel(_upstream(), "schema", Schema),
        model_config=ModelConfig.model_validate({"family": "resnet", "weights": "given.keras"}),
        training=TrainingConfig(),
        features={"image": "path"},
        label="label",
        task="classification",
        eval_split="eval",
        modality="image",
    )
    (tmp_path / "given.keras").write_bytes(b"one")
    assert trainer.external_inputs(tmp_path) == [tmp_path / "given.keras"]
