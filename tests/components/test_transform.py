"""Transform on real examples: what it materializes is what the graph in `transform_fn` gives, shard by shard."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the operations of transform_fn

from components.component import Channel, Component
from components.transform import Transform
from models.facts import load_facts
from schemas.artifacts import Examples, Schema, TransformGraph
from schemas.features import load_schema

ROWS = [
    {"text": "the cat sat", "label": "pet"},
    {"text": "The price ROSE 5", "label": "news"},
    {"text": "the cat: a price", "label": "pet"},
    {"text": "", "label": "news"},
    {"label": "pet"},
]
SCHEMA = """
feature { name: "text" type: BYTES natural_language_domain {} }
feature { name: "label" type: BYTES string_domain { value: "pet" value: "news" } }
"""


@pytest.fixture
def schema(tmp_path: Path) -> Schema:
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "schema.pbtxt").write_text(SCHEMA, encoding="utf-8")
    return Schema(tmp_path / "schema")


def transform(steps: Any, examples: Examples, schema: Schema, **parameters: Any) -> tuple[TransformGraph, Examples]:
    promised = {"examples": Channel(Component(), "made", Examples), "schema": Channel(Component(), "made", Schema)}
    settings = {
        "model": {"family": "lstm", "min_count": 1, "sequence_length": 3},
        "features": {"text": "text"},
        "label": "label",
        "task": "classification",
        **parameters,
    }
    step = Transform(**promised, **settings)
    graph, transformed = TransformGraph(steps.folder()), Examples(steps.folder())
    outputs = {"transform_graph": graph, "transformed_examples": transformed}
    step.bind({"examples": examples, "schema": schema}, outputs).run(steps.context)
    return graph, transformed


def records(examples: Examples, split: str) -> list[bytes]:
    return [record.numpy() for record in tf.data.TFRecordDataset([str(p) for p in examples.shards(split)])]


def parsed(examples: Examples, split: str) -> list[tuple[list[int], int]]:
    found = []
    for record in records(examples, split):
        features = tf.train.Example.FromString(record).features.feature
        found.append((list(features["token_ids"].int64_list.value), features["label"].int64_list.value[0]))
    return found


def test_examples_become_token_ids_and_class_indices(steps: Any, schema: Schema) -> None:
    graph, transformed = transform(steps, steps.examples({"train": ROWS, "eval": ROWS[1:3]}), schema)
    vocabulary = load_facts(graph.facts)["vocabulary"]
    assert vocabulary[:3] == ["the", "cat", "price"]
    ids = {word: place + 2 for place, word in enumerate(vocabulary)}
    assert parsed(transformed, "train") == [
        ([ids["the"], ids["cat"], ids["sat"]], 1),
        ([ids["the"], ids["price"], ids["rose"]], 0),
        ([ids["the"], ids["cat"], ids[":"]], 1),
        ([1], 0),
        ([1], 1),
    ]
    assert parsed(transformed, "eval") == parsed(transformed, "train")[1:3]
    ingestion = transformed.ingestion()
    assert ingestion.rows == {"train": 5, "eval": 2}
    assert ingestion.columns == {"token_ids": "INT", "label": "INT"}


def test_facts_come_from_the_training_split_alone(steps: Any, schema: Schema) -> None:
    examples = steps.examples({"train": ROWS[:1], "eval": [{"text": "unseen words", "label": "pet"}]})
    graph, transformed = transform(steps, examples, schema)
    assert load_facts(graph.facts)["vocabulary"] == ["cat", "sat", "the"]
    assert parsed(transformed, "eval") == [([1, 1], 1)]


def test_the_saved_graph_gives_what_was_materialized(steps: Any, schema: Schema) -> None:
    examples = steps.examples({"train": ROWS})
    graph, transformed = transform(steps, examples, schema)
    loaded = tf.saved_model.load(str(graph.transform_fn))
    again = loaded.transform_features(tf.constant(records(examples, "train")))
    assert again["token_ids"].to_list() == [ids for ids, _ in parsed(transformed, "train")]
    assert again["label"].numpy().tolist() == [label for _, label in parsed(transformed, "train")]
    assert (graph.transform_fn / "assets" / "vocabulary.txt").read_text(encoding="utf-8").splitlines()[0] == "the"


def test_the_schema_says_what_varies_in_length(steps: Any, schema: Schema) -> None:
    graph, _ = transform(steps, steps.examples({"train": ROWS}), schema)
    features = {feature.name: feature for feature in load_schema(graph.transformed_schema).feature}
    assert not features["token_ids"].HasField("shape")
    assert features["label"].HasField("shape")
    assert len(features["label"].shape.dim) == 0


def test_every_sharding_gives_the_same_records(steps: Any, schema: Schema) -> None:
    one = transform(steps, steps.examples({"train": ROWS}), schema)
    three = transform(steps, steps.examples({"train": ROWS}, shards=3), schema)
    assert (one[0].facts / "vocabulary.txt").read_bytes() == (three[0].facts / "vocabulary.txt").read_bytes()
    assert sorted(records(one[1], "train")) == sorted(records(three[1], "train"))
    assert len(three[1].shards("train")) == 3


def test_two_runs_are_equal_byte_by_byte(steps: Any, schema: Schema) -> None:
    examples = steps.examples({"train": ROWS})
    first, second = (transform(steps, examples, schema)[1] for _ in range(2))
    files = sorted(path.relative_to(first.uri) for path in first.uri.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(second.uri) for path in second.uri.rglob("*") if path.is_file())
    assert all((first.uri / name).read_bytes() == (second.uri / name).read_bytes() for name in files)


def test_labels_that_are_no_class_are_left_out(steps: Any, schema: Schema, caplog: pytest.LogCaptureFixture) -> None:
    rows = [*ROWS[:2], {"text": "other", "label": "sports"}]
    _, transformed = transform(steps, steps.examples({"train": rows}), schema)
    assert transformed.ingestion().rows == {"train": 2}
    assert "left out 1 examples with unknown labels" in caplog.text


def test_linear_weights_and_a_label_that_is_a_number(steps: Any, schema: Schema) -> None:
    rows = [{"text": "cat cat dog", "y": 1.5}, {"text": "dog", "y": -2.0}]
    columns = {"text": "BYTES", "y": "FLOAT"}
    model = {"family": "linear", "ngrams": (1, 1), "min_documents": 1}
    parameters = {"model": model, "label": "y", "task": "regression"}
    graph, transformed = transform(steps, steps.examples({"train": rows}, columns), schema, **parameters)
    features = tf.train.Example.FromString(records(transformed, "train")[0]).features.feature
    assert load_facts(graph.facts)["ngrams"] == ["dog", "cat"]
    assert list(features["ngram_ids"].int64_list.value) == [2, 1]
    raw = np.array([(1 + np.log(2)) * (np.log(3 / 2) + 1), 1.0])
    np.testing.assert_allclose(features["ngram_weights"].float_list.value, raw / np.linalg.norm(raw), rtol=1e-6)
    assert features["label"].float_list.value[0] == 1.5


def test_several_labels_become_a_number_for_each_class(
    steps: Any, schema: Schema, caplog: pytest.LogCaptureFixture
) -> None:
    labels = [["pet"], ["news", "pet"], [], ["news", "sports"]]
    rows = [{"text": "a cat", "label": label} for label in labels]
    graph, transformed = transform(steps, steps.examples({"train": rows}), schema, task="multi-label")
    found = [tf.train.Example.FromString(record).features.feature["label"] for record in records(transformed, "train")]
    assert [list(label.int64_list.value) for label in found] == [[0, 1], [1, 1], [0, 0]]
    assert "left out 1 examples with unknown labels" in caplog.text
    (label,) = [feature for feature in load_schema(graph.transformed_schema).feature if feature.name == "label"]
    assert [dimension.size for dimension in label.shape.dim] == [2]


def test_a_class_and_its_box_are_one_label(steps: Any, schema: Schema) -> None:
    sides = ("a", "b", "c", "d")
    columns = {"text": "BYTES", "label": "BYTES", **dict.fromkeys(sides, "FLOAT")}
    box = dict(zip(sides, (0.1, 0.2, 0.5, 1.0), strict=True))
    rows = [{"text": "a cat", "label": label, **box} for label in ("pet", "sports")]
    examples = steps.examples({"train": rows}, columns)
    graph, transformed = transform(steps, examples, schema, task="localization", box=sides)
    (record,) = records(transformed, "train")
    label = tf.train.Example.FromString(record).features.feature["label"].float_list.value
    np.testing.assert_allclose(label, [1.0, 0.1, 0.2, 0.5, 1.0], rtol=1e-6)
    (feature,) = [feature for feature in load_schema(graph.transformed_schema).feature if feature.name == "label"]
    assert [dimension.size for dimension in feature.shape.dim] == [5]


@pytest.mark.parametrize("materialize", [True, False])
def test_texts_alone_have_no_label(steps: Any, schema: Schema, materialize: bool) -> None:
    examples = steps.examples({"train": ROWS[:3]})
    parameters = {"label": None, "task": "pretraining", "materialize": materialize}
    graph, transformed = transform(steps, examples, schema, **parameters)
    found = [set(tf.train.Example.FromString(r).features.feature) for r in records(transformed, "train")]
    assert found == [{"token_ids"} if materialize else {"text"}] * 3
    assert [feature.name for feature in load_schema(graph.transformed_schema).feature] == list(found[0])
    signature = tf.saved_model.load(str(graph.transform_fn)).signatures["serving_default"]
    assert "label" not in signature.structured_outputs
