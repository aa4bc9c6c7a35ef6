"""What a page shows of the data, from statistics as StatisticsGen writes them."""

import json
from pathlib import Path

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from pipeline.lineage.records import StoredArtifact, StoredExecution
from pipeline.report.data import FeatureLine, Measured, measured
from schemas.statistics import Finding, ImageQuality, TextQuality, mark_images

Dataset = statistics_pb2.DatasetFeatureStatistics


def add_text(dataset: Dataset, quality: TextQuality) -> None:
    feature = dataset.features.add(name="body", type=2)
    feature.string_stats.common_stats.num_missing = 2
    feature.custom_stats.add(name="token_length")
    lengths = feature.custom_stats.add(name="token_length_percentiles").histogram
    for percent in range(100):
        lengths.buckets.add(low_value=percent, high_value=percent + 1)
    quality.write(feature)


def add_label(dataset: Dataset, counts: dict[str, int]) -> None:
    feature = dataset.features.add(name="topic", type=2)
    feature.string_stats.unique = len(counts)
    for label, count in counts.items():
        feature.string_stats.rank_histogram.buckets.add(label=label, sample_count=count)


def add_number(dataset: Dataset) -> None:
    numbers = dataset.features.add(name="price", type=1).num_stats
    numbers.min, numbers.max, numbers.mean = 0.5, 12.25, 3.0


def add_picture(dataset: Dataset) -> None:
    feature = dataset.features.add(name="photo", type=2)
    mark_images(feature)
    ImageQuality(images=3, blank=Finding(1, ("a.png",))).write(feature)
    formats = feature.custom_stats.add(name="image_format_histogram").rank_histogram
    formats.buckets.add(label="png", sample_count=3)
    for name, pixels in (("width", (8, 32, 640)), ("height", (8, 24, 480))):
        for end, number in zip(("min", "median", "max"), pixels, strict=True):
            feature.custom_stats.add(name=f"image_{end}_{name}", num=number)


@pytest.fixture
def found(tmp_path: Path) -> Measured:
    train, test = Dataset(num_examples=10), Dataset(num_examples=4)
    add_text(train, TextQuality(texts=10, duplicates=Finding(3, ("mail.csv:4: again",)), empty=Finding(0)))
    add_text(test, TextQuality(texts=4, leaked=Finding(1)))
    add_label(train, {"a": 6, "b": 4})
    add_label(test, {"b": 3, "c": 1})
    add_number(train)
    add_picture(train)
    for name, dataset in (("train", train), ("test", test)):
        folder = tmp_path / f"Split-{name}"
        folder.mkdir()
        statistics = statistics_pb2.DatasetFeatureStatisticsList(datasets=[dataset])
        (folder / "FeatureStats.pb").write_bytes(statistics.SerializeToString())
    artifact = StoredArtifact(1, "ExampleStatistics", tmp_path, {}, "")
    execution = StoredExecution(
        id=1,
        pipeline="p",
        run_id="r",
        node="StatisticsGen",
        type_name="StatisticsGen",
        state="complete",
        started=0,
        finished=1,
        message="",
        inputs={},
        outputs={"statistics": artifact},
        parameters={"label": json.dumps("topic")},
    )
    measures = measured(execution)
    assert measures is not None
    return measures


def test_labels_have_their_share_of_each_split(found: Measured) -> None:
    assert [split.name for split in found.splits] == ["train", "test"]
    assert [(line.label, list(line.shares)) for line in found.labels] == [
        ("a", [0.6, None]),
        ("b", [0.4, 0.75]),
        ("c", [None, 0.25]),
    ]


def test_columns_are_told_in_a_few_words(found: Measured) -> None:
    train = {line.name: line for line in found.features if line.split == "train"}
    assert train["body"] == FeatureLine("train", "body", "text", 2, "half up to 50 words, the longest 100")
    assert (train["topic"].kind, train["topic"].summary) == ("bytes", "2 different values")
    assert (train["price"].kind, train["price"].summary) == ("float", "0.5 to 12.25, mean 3")
    assert (train["photo"].kind, train["photo"].summary) == ("picture", "3 png, half up to 32 x 24")


def test_only_what_was_found_is_told(found: Measured) -> None:
    assert [(line.split, line.name, line.finding.count, line.what) for line in found.findings] == [
        ("train", "body", 3, "stand in an earlier row, too"),
        ("train", "photo", 1, "are of one color"),
        ("test", "body", 1, "stand in the training split, too"),
    ]
    assert found.findings[0].finding.rows == ("mail.csv:4: again",)
