"""SchemaGen: what is inferred, what is frozen, what a person wrote."""

import logging
from typing import Any

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from schemas.artifacts import Schema
from schemas.errors import ConfigError, DataError
from schemas.features import classes, columns, find_feature, is_image, is_text, load_schema
from schemas.ingestion import Defect
from schemas.verdict import Verdict
from tests.components.scenes import png, scene

COLUMNS = {"text": "BYTES", "label": "BYTES", "kind": "BYTES", "who": "BYTES", "n": "INT", "x": "FLOAT"}


def rows(labels: str = "abc", count: int = 120) -> list[dict[str, Any]]:
    return [
        {
            "text": f"text number {place}",
            "label": labels[place % len(labels)],
            "kind": "news" if place % 2 else "mail",
            "who": f"person {place}",
            "n": [place],
            "x": place / 10 if place else None,
        }
        for place in range(count)
    ]


@pytest.fixture
def statistics(steps: Any) -> Any:
    splits = {"train": rows(), "test": [{**rows()[0], "label": "z", "kind": "post", "n": 500}] * 20}
    return steps.statistics(steps.examples(splits, COLUMNS))


def test_a_schema_is_inferred(steps: Any, statistics: Any) -> None:
    schema = load_schema(steps.schema(statistics).path)
    features = {feature.name: feature for feature in schema.feature}
    assert list(features) == sorted(COLUMNS)
    assert columns(schema) == COLUMNS
    assert classes(schema, "label") == ("a", "b", "c")  # of `train` alone: `z` is the validator's to find
    assert is_text(features["text"])
    assert list(features["kind"].string_domain.value) == ["mail", "news", "post"]
    assert features["who"].WhichOneof("domain_info") is None
    assert (features["n"].int_domain.min, features["n"].int_domain.max) == (0, 1000)
    assert features["x"].float_domain.max == pytest.approx(23.7, abs=0.11)
    assert features["x"].float_domain.disallow_nan
    assert features["text"].presence.min_fraction == 1.0
    assert features["x"].presence.min_fraction == 0.0
    assert (features["n"].value_count.min, features["n"].value_count.max) == (1, 1)


def test_the_label_of_a_regression_has_no_domain_but_finite_numbers(steps: Any) -> None:
    measured = steps.statistics(
        steps.examples(
            {"train": [{"text": "a b", "label": 1.5}, {"text": "c d", "label": 2.5}]},
            {"text": "BYTES", "label": "FLOAT"},
        )
    )
    label = find_feature(load_schema(steps.schema(measured, task="regression").path), "label")
    assert label is not None
    assert label.type == schema_pb2.FLOAT
    assert label.float_domain.disallow_nan
    assert not label.float_domain.HasField("min")


def test_the_first_schema_is_frozen_and_used_from_then_on(steps: Any, statistics: Any) -> None:
    frozen = steps.context.base / "schemas" / "r8.pbtxt"
    first = steps.schema(statistics, frozen="schemas/r8.pbtxt")
    assert frozen.read_bytes() == first.path.read_bytes()
    assert [path.name for path in frozen.parent.iterdir()] == ["r8.pbtxt"]
    edited = b"# reviewed\n" + frozen.read_bytes().replace(b'value: "c"', b'value: "d"')
    frozen.write_bytes(edited)
    second = steps.schema(statistics, frozen="schemas/r8.pbtxt")
    assert second.path.read_bytes() == edited
    assert frozen.read_bytes() == edited
    assert classes(load_schema(second.path), "label") == ("a", "b", "d")


def test_data_with_one_class_does_not_become_the_measure(steps: Any) -> None:
    measured = steps.statistics(steps.examples({"train": rows("a")}, COLUMNS))
    steps.schema(measured, frozen="r8.pbtxt")
    assert not (steps.context.base / "r8.pbtxt").exists()


def test_data_that_is_refused_is_not_frozen(steps: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    texts = [{"text": "the same story", "label": label} for label in "ab" * 30]
    examples = steps.examples({"train": texts, "eval": texts[:20]})
    measured, frozen = steps.statistics(examples), steps.context.base / "news.pbtxt"
    refused = steps.schema(measured, examples=examples, frozen="news.pbtxt")
    assert not frozen.exists()
    assert "The schema was not frozen, since the data breaks leakage." in caplog.text
    accepted = steps.schema(measured, examples=examples, frozen="news.pbtxt", rules={"leakage": {"at_most": 1.0}})
    assert frozen.read_bytes() == accepted.path.read_bytes() == refused.path.read_bytes()


def test_a_defect_of_the_files_keeps_the_schema_from_freezing(steps: Any) -> None:
    defect = Defect(kind="malformed_row", split="train", count=3, rows=("a.csv:7",), dropped=True)
    examples = steps.examples({"train": rows()}, COLUMNS, defects=[defect])
    steps.schema(steps.statistics(examples), examples=examples, frozen="r8.pbtxt")
    assert not (steps.context.base / "r8.pbtxt").exists()


def test_a_curated_schema_is_used_as_it_is(steps: Any, statistics: Any) -> None:
    label = b'# mine\nfeature { name: "label" type: BYTES domain: "topics" }\n'
    text = label + b'string_domain { name: "topics" value: "b" value: "a" }\n'
    (steps.context.base / "curated.pbtxt").write_bytes(text)
    schema = steps.schema(statistics, curated="curated.pbtxt", frozen="frozen.pbtxt")
    assert schema.path.read_bytes() == text
    assert classes(load_schema(schema.path), "label") == ("a", "b")
    assert not (steps.context.base / "frozen.pbtxt").exists()


GROW = {"new_labels": "grow", "label_shift": {"severity": "off"}}


def night(steps: Any, labels: str, **more: Any) -> Any:
    """Statistics and examples of a training split, whose texts differ."""
    examples = steps.examples({"train": [{**row, **more} for row in rows(labels)]}, COLUMNS)
    return {"statistics": steps.statistics(examples), "examples": examples}


def test_a_frozen_schema_grows_by_new_labels(steps: Any, caplog: pytest.LogCaptureFixture) -> None:
    frozen = steps.context.base / "r8.pbtxt"
    steps.schema(**night(steps, "ab"), frozen="r8.pbtxt", rules=GROW)
    frozen.write_bytes(b"# reviewed\n" + frozen.read_bytes())
    tonight = night(steps, "abab" + "dc")
    assert classes(load_schema(steps.schema(**tonight, frozen="r8.pbtxt").path), "label") == ("a", "b")
    grown = steps.schema(**tonight, frozen="r8.pbtxt", rules=GROW)
    assert classes(load_schema(grown.path), "label") == ("a", "b", "c", "d")
    assert frozen.read_bytes() == grown.path.read_bytes()
    assert frozen.read_bytes().startswith(b"# reviewed\n")
    assert f"{frozen} has grown by the new labels `c` (20 examples), `d` (20 examples)" in caplog.text
    kept = frozen.read_bytes()
    steps.schema(**night(steps, "ab"), frozen="r8.pbtxt", rules=GROW)
    assert frozen.read_bytes() == kept, "a label that is not there tonight stays"


def test_data_that_is_refused_does_not_let_the_schema_grow(steps: Any, caplog: pytest.LogCaptureFixture) -> None:
    frozen = steps.context.base / "r8.pbtxt"
    steps.schema(**night(steps, "ab"), frozen="r8.pbtxt")
    kept = frozen.read_bytes()
    steps.schema(**night(steps, "abc", n=[10**9]), frozen="r8.pbtxt", rules=GROW)
    assert frozen.read_bytes() == kept
    assert f"{frozen} did not grow by `c` (40 examples), since the data breaks out_of_domain" in caplog.text


def test_a_curated_schema_never_grows(steps: Any) -> None:
    curated = steps.context.base / "curated.pbtxt"
    steps.schema(**night(steps, "ab"), frozen="curated.pbtxt")
    kept = curated.read_bytes()
    schema = steps.schema(**night(steps, "abc"), curated="curated.pbtxt", rules=GROW)
    assert curated.read_bytes() == schema.path.read_bytes() == kept


def test_columns_that_a_kept_schema_does_not_know_are_told(
    steps: Any, statistics: Any, caplog: pytest.LogCaptureFixture
) -> None:
    text = 'feature { name: "label" type: BYTES string_domain { value: "a" } }'
    (steps.context.base / "curated.pbtxt").write_text(text)
    with caplog.at_level(logging.WARNING):
        steps.schema(statistics, curated="curated.pbtxt")
    assert "does not know `kind`, `n`, `text`, `who`, `x`" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'feature {\n  name: "label"\n  typo: BYTES\n}\n', r"curated.pbtxt:3: not a schema .*typo"),
        (b'feature { name: "label" ', r"curated.pbtxt:1: not a schema"),
        (b'feature {\n name: "\xff"}', r"curated.pbtxt:2: a schema must be UTF-8"),
        (b'feature { name: "topic" type: BYTES }', r"must have a feature `label`, the label. It has topic"),
        (b"", r"must have a feature `label`, the label. It has no feature at all"),
        (b'feature { name: "label" type: INT }', r"must be of type BYTES"),
        (b'feature { name: "label" type: BYTES }', r"needs a domain, its classes"),
    ],
)
def test_a_schema_that_cannot_serve_is_told_with_its_line(
    steps: Any, statistics: Any, text: bytes, message: str
) -> None:
    (steps.context.base / "curated.pbtxt").write_bytes(text)
    with pytest.raises(ConfigError, match=message):
        steps.schema(statistics, curated="curated.pbtxt")


def test_a_regression_needs_a_number(steps: Any, statistics: Any) -> None:
    (steps.context.base / "curated.pbtxt").write_text('feature { name: "label" type: BYTES }')
    with pytest.raises(ConfigError, match="of a regression must be of type FLOAT"):
        steps.schema(statistics, curated="curated.pbtxt", task="regression")


def test_a_curated_schema_that_is_not_there(steps: Any, statistics: Any) -> None:
    with pytest.raises(ConfigError, match=r"Cannot read the schema .*nowhere.pbtxt: No such file"):
        steps.schema(statistics, curated="nowhere.pbtxt")


def test_no_training_examples_no_schema(steps: Any) -> None:
    measured = steps.statistics(steps.examples({"train": [], "test": rows()}, COLUMNS))
    with pytest.raises(DataError, match="has no examples"):
        steps.schema(measured)


def test_more_labels_than_statistics_list_are_refused(steps: Any, statistics: Any) -> None:
    path = statistics.split_path("test") / "FeatureStats.pb"
    message = statistics_pb2.DatasetFeatureStatisticsList.FromString(path.read_bytes())
    (label,) = (feature for feature in message.datasets[0].features if feature.path.step[0] == "label")
    label.string_stats.unique = 100_001
    path.write_bytes(message.SerializeToString())
    with pytest.raises(DataError, match=r"at most 100,000 different labels.* 100,001 in `label` of split `test`"):
        steps.schema(statistics)


def test_a_label_that_example_gen_lets_pass_is_a_class_as_it_is(steps: Any) -> None:
    longest = "é" * 128
    splits = {"train": [{"text": f"t {i}", "label": longest if i % 2 else "b"} for i in range(20)]}
    schema = load_schema(steps.schema(steps.statistics(steps.examples(splits))).path)
    assert classes(schema, "label") == ("b", longest)


def test_files_outside_the_pipeline_are_named_whether_they_exist_or_not(steps: Any) -> None:
    from components.component import Channel, Component
    from components.schema_gen import SchemaGen
    from schemas.artifacts import ExampleStatistics

    promise = Channel(Component(), "statistics", ExampleStatistics)
    step = SchemaGen(statistics=promise, label="label", task="classification", curated="a.pbtxt", frozen="b/c.pbtxt")
    assert step.external_inputs(steps.base) == [steps.base / "a.pbtxt", steps.base / "b" / "c.pbtxt"]
    assert step.outputs == {"schema": Schema}


def test_the_schema_is_in_the_format_of_tensorflow_metadata(steps: Any, statistics: Any) -> None:
    text = steps.schema(statistics).path.read_text()
    assert text_format.Parse(text, schema_pb2.Schema()).feature[1].string_domain.is_categorical == 1


def test_several_labels_have_a_domain_and_any_number_of_values(steps: Any) -> None:
    labels = [["b", "c"], ["a"], []]
    measured = steps.statistics(steps.examples({"train": [{"text": "a b", "label": label} for label in labels]}))
    schema = load_schema(steps.schema(measured, task="multi-label").path)
    label = find_feature(schema, "label")
    assert classes(schema, "label") == ("a", "b", "c")
    assert not label.HasField("value_count") and not label.presence.HasField("min_fraction")


def test_pictures_are_described_as_such(steps: Any) -> None:
    table = [{"image": png(scene(seed, 16)), "label": "ab"[seed % 2]} for seed in range(8)]
    examples = steps.examples({"train": table}, {"image": "BYTES", "label": "BYTES"})
    statistics = steps.statistics(examples, images=("image",))
    schema = load_schema(steps.schema(statistics, examples=examples, frozen="frozen.pbtxt").path)
    image = find_feature(schema, "image")
    assert image is not None
    assert is_image(image) and not is_text(image)
    assert (image.type, image.presence.min_fraction, image.value_count.max) == (schema_pb2.BYTES, 1.0, 1)
    assert "image_domain {" in (steps.context.base / "frozen.pbtxt").read_text(encoding="utf-8")


def test_texts_alone_have_a_schema_and_no_rule_about_labels(steps: Any) -> None:
    texts = [{"text": f"story number {place} of many"} for place in range(40)]
    examples = steps.examples({"train": texts[:30], "eval": texts[30:]}, {"text": "BYTES"})
    measured = steps.statistics(examples, label=None)
    frozen = steps.context.base / "texts.pbtxt"
    options = {"label": None, "task": "pretraining", "examples": examples, "frozen": "texts.pbtxt"}
    schema = load_schema(steps.schema(measured, **options).path)
    assert [feature.name for feature in schema.feature] == ["text"] and is_text(schema.feature[0])
    assert frozen.is_file()
    again = steps.schema(measured, **options)
    anomalies = steps.anomalies(examples, measured, again, label=None)
    verdicts = {verdict.rule: verdict.verdict for verdict in Verdict.load(anomalies.uri).rules}
    about_labels = ("single_class", "missing_class", "unknown_label", "conflicting_labels", "label_shift")
    assert {verdicts[rule] for rule in about_labels} == {"skipped"}
    assert verdicts["leakage"] == verdicts["missing_feature"] == "passed"
