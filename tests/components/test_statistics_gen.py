"""StatisticsGen against brute force: every number of FeatureStats.pb, on real examples."""

import json
import random
from typing import Any

import numpy as np
import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from schemas.errors import ConfigError
from schemas.statistics import FeatureView, load_statistics

WORDS = [
    "oil",
    "price",
    "rises",
    "after",
    "talks",
    "fail",
    "and",
    "traders",
    "wait",
    "for",
    "more",
    "news",
    "of",
    "supply",
    "from",
    "the",
    "gulf",
    "today",
]


def story(random_: random.Random, length: int) -> str:
    return " ".join(random_.choice(WORDS) + str(random_.randrange(50)) for _ in range(length))


def custom(feature: FeatureView, name: str) -> Any:
    statistic = next(statistic for statistic in feature.proto.custom_stats if statistic.name == name)
    return getattr(statistic, statistic.WhichOneof("val"))


def test_numbers_equal_brute_force(steps: Any) -> None:
    random_ = np.random.default_rng(7)  # seed 7
    values = random_.normal(3.0, 2.0, 3000).astype(np.float32)
    values[:10] = 0.0
    rows = [{"x": float(value), "text": "a", "label": "l"} for value in values]
    rows += [{"text": "a", "label": "l"}] * 7
    view = steps.measured(rows, columns={"x": "FLOAT", "text": "BYTES", "label": "BYTES"})
    stats = view.features["x"].proto.num_stats
    assert view.examples == 3007
    assert (stats.common_stats.num_non_missing, stats.common_stats.num_missing) == (3000, 7)
    assert stats.common_stats.tot_num_values == 3000
    assert stats.num_zeros == 10
    wide = values.astype(np.float64)
    assert stats.mean == pytest.approx(wide.mean(), rel=1e-14)
    assert stats.std_dev == pytest.approx(wide.std(), rel=1e-12)
    assert (stats.min, stats.max) == (wide.min(), wide.max())
    assert stats.median == np.quantile(wide, 0.5, method="inverted_cdf")
    standard, quantiles = stats.histograms
    assert (standard.type, quantiles.type) == (0, 1)
    counts, edges = np.histogram(wide, 10)
    assert [bucket.sample_count for bucket in standard.buckets] == counts.tolist()
    assert [bucket.low_value for bucket in standard.buckets] == pytest.approx(edges[:-1].tolist())
    deciles = np.quantile(wide, np.arange(11) / 10, method="inverted_cdf")
    assert [bucket.low_value for bucket in quantiles.buckets] == deciles[:-1].tolist()
    assert sum(bucket.sample_count for bucket in quantiles.buckets) == 3000


def test_integers_of_any_size_and_number(steps: Any) -> None:
    rows = [{"n": [2**62, -(2**62), 5]}, {"n": [7]}, {}, {"n": [0, 0]}]
    view = steps.measured([{"text": "a b", "label": "l", **row} for row in rows],
                          columns={"n": "INT", "text": "BYTES", "label": "BYTES"})  # fmt: skip
    stats = view.features["n"].proto.num_stats
    assert stats.mean == 2.0
    assert stats.std_dev == pytest.approx(2**62 / 3**0.5, rel=1e-12)
    assert (stats.num_zeros, stats.common_stats.num_missing) == (2, 1)
    assert (stats.common_stats.min_num_values, stats.common_stats.max_num_values) == (1, 3)
    assert stats.common_stats.avg_num_values == 2.0


def test_numbers_that_are_not_finite_are_counted_apart(steps: Any) -> None:
    rows = [{"x": value, "text": "a", "label": "l"} for value in (1.0, float("nan"), float("inf"), 3.0)]
    view = steps.measured(rows, columns={"x": "FLOAT", "text": "BYTES", "label": "BYTES"})
    stats = view.features["x"].proto.num_stats
    assert (stats.histograms[0].num_nan, stats.histograms[0].num_undefined) == (1, 1)
    assert (stats.mean, stats.min, stats.max) == (2.0, 1.0, 3.0)
    assert view.features["x"].not_finite == 2


def test_values_of_strings(steps: Any) -> None:
    labels = ["ship"] * 3 + ["earn"] * 5 + ["acq"] * 3 + ["rare"]
    view = steps.measured([{"text": f"text {place}", "label": label} for place, label in enumerate(labels)])
    label = view.features["label"]
    assert label.values == {"earn": 5, "acq": 3, "ship": 3, "rare": 1}
    assert label.distinct == 4
    assert label.all_values_known
    assert label.proto.string_stats.avg_length == pytest.approx(sum(map(len, labels)) / len(labels))
    top = [(value.value, value.frequency) for value in label.proto.string_stats.top_values]
    assert top == [("earn", 5), ("acq", 3), ("ship", 3), ("rare", 1)]
    assert not label.is_text
    assert view.features["text"].is_text


def test_many_different_values_are_counted_exactly(steps: Any) -> None:
    columns = {"id": "BYTES", "text": "BYTES", "label": "BYTES"}
    rows = [{"id": f"customer {place % 2500}", "text": "a", "label": "l"} for place in range(3000)]
    view = steps.measured(rows, columns=columns)
    assert view.features["id"].distinct == 2500
    assert not view.features["id"].all_values_known
    assert list(view.features["id"].values.items())[:2] == [("customer 0", 2), ("customer 1", 2)]
    assert len(view.features["id"].values) == 1000


def test_long_values_are_cut_but_told_apart(steps: Any) -> None:
    columns = {"blob": "BYTES", "text": "BYTES", "label": "BYTES"}
    rows = [{"blob": "x" * 1000 + str(place % 2), "text": "a", "label": "l"} for place in range(4)]
    values = steps.measured(rows, columns=columns).features["blob"].values
    assert sorted(values.values()) == [2, 2]
    assert all(len(value) < 320 and value.startswith("x" * 256 + "... [1001 bytes") for value in values)


def test_binary_features_are_told_as_bytes(steps: Any) -> None:
    columns = {"image": "BYTES", "text": "BYTES", "label": "BYTES"}
    rows = [{"image": bytes([255, 216, 255] + [place] * place), "text": "a", "label": "l"} for place in range(4)]
    stats = steps.measured(rows, columns=columns).features["image"].proto.bytes_stats
    assert (stats.unique, stats.min_num_bytes, stats.max_num_bytes, stats.avg_num_bytes) == (4, 3, 6, 4.5)


def test_token_lengths_have_tails(steps: Any) -> None:
    lengths = [*range(3, 1003)]
    view = steps.measured([{"text": "word, " * length, "label": "l"} for length in lengths])
    feature = view.features["text"]
    for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99_9", 0.999)):
        assert custom(feature, f"token_length_{name}") == np.quantile(lengths, share, method="inverted_cdf")
    assert custom(feature, "token_length_max") == 1002
    assert custom(feature, "token_length_mean") == np.mean(lengths)
    assert feature.distinct == 1000


def test_scripts_and_characters_as_tokens(steps: Any) -> None:
    texts = ["我爱北京天安门", "Hello 世界", "Привет, мир!", "plain words", "سلام", "日本語のテスト"]
    feature = steps.measured([{"text": text, "label": "l"} for text in texts]).features["text"]
    letters = {bucket.label: bucket.sample_count for bucket in custom(feature, "scripts").buckets}
    assert letters == {
        "Latin": 15, "Han": 12, "Cyrillic": 9, "Arabic": 4, "Katakana": 3, "Hiragana": 1
    }  # fmt: skip
    texts_with = {bucket.label: bucket.sample_count for bucket in custom(feature, "script_texts").buckets}
    assert texts_with == {"Han": 3, "Latin": 2, "Cyrillic": 1, "Arabic": 1, "Katakana": 1, "Hiragana": 1}
    assert custom(feature, "token_length_max") == 7
    assert feature.quality.near_empty.count == 3  # "Привет, мир!", "plain words", "سلام"


def test_empty_and_near_empty_texts(steps: Any) -> None:
    texts = ["", "   ", "?!", "one", "two words", "three more words", "一", "一二三"]
    quality = steps.measured([{"text": text, "label": "l"} for text in texts]).features["text"].quality
    assert quality.empty.count == 3
    assert quality.empty.rows == ("train.csv:2", "train.csv:3", "train.csv:4")
    assert quality.near_empty.count == 3
    assert quality.near_empty.rows == ("train.csv:5", "train.csv:6", "train.csv:8")
    assert quality.texts == 8
    assert quality.duplicates.count == 0  # empty texts are no duplicates of each other


def test_missing_texts_are_no_texts(steps: Any) -> None:
    view = steps.measured([{"text": "a b c", "label": "l"}, {"label": "l"}])
    assert view.features["text"].quality.texts == 1
    assert view.features["text"].common.num_missing == 1


def test_duplicates_conflicts_and_leakage(steps: Any) -> None:
    random_ = random.Random(3)  # seed 3
    pool = [story(random_, 40) for _ in range(300)]
    train = [{"text": text, "label": "a" if place % 2 else "b"} for place, text in enumerate(pool[:200])]
    train += [{"text": pool[0], "label": "b"}, {"text": pool[0], "label": "b"}, {"text": pool[1], "label": "c"}]
    test = [{"text": text, "label": "a"} for text in pool[190:]] + [{"text": pool[195], "label": "a"}]
    statistics = steps.statistics(steps.examples({"train": train, "test": test}))
    on_train = load_statistics(statistics.split_path("train")).features["text"].quality
    assert (on_train.texts, on_train.distinct, on_train.duplicates.count) == (203, 200, 3)
    assert sorted(on_train.duplicates.rows) == [
        "train.csv:202: same text as train.csv:2",
        "train.csv:204: same text as train.csv:3",
    ]
    assert on_train.conflicting_labels.count == 2
    assert on_train.conflicting_labels.rows == ("train.csv:204: `c`, but `a` at train.csv:3",)
    assert on_train.leaked.count == 0
    on_test = load_statistics(statistics.split_path("test")).features["text"].quality
    assert on_test.leaked.count == 11
    assert "test.csv:7: same text as train.csv:197" in json.dumps(on_test.leaked.rows) or len(on_test.leaked.rows) == 5
    assert on_test.duplicates.rows == ("test.csv:112: same text as test.csv:7",)


def test_near_duplicates_are_found_and_others_not(steps: Any) -> None:
    random_ = random.Random(5)  # seed 5
    pool = [story(random_, 200) for _ in range(150)]
    near = [text.replace("oil", "oil", 1).upper() + " Updated." for text in pool[:20]]
    view = steps.measured([{"text": text, "label": "l"} for text in pool + near])
    quality = view.features["text"].quality
    assert quality.duplicates.count == 0
    assert quality.near_duplicates.count == 20
    assert len(quality.near_duplicates.rows) == 5
    for row in quality.near_duplicates.rows:
        one, other = (int(end.split(":")[1]) for end in row.split(": nearly the same text as "))
        assert abs(one - other) == 150


def test_any_sharding_gives_the_same_bytes(steps: Any) -> None:
    random_ = random.Random(11)  # seed 11
    pool = [story(random_, random_.randrange(0, 60)) for _ in range(400)] + ["天" * 30, "Ünïcödé wörds hier", ""]
    rows = [
        {"text": random_.choice(pool), "label": random_.choice("abc"), "x": random_.gauss(0, 1e3), "n": [1] * (k % 3)}
        for k in range(1500)
    ]
    columns = {"text": "BYTES", "label": "BYTES", "x": "FLOAT", "n": "INT"}
    sharded = []
    for shards in (1, 4):
        statistics = steps.statistics(steps.examples({"train": rows, "test": rows[:200]}, columns, shards=shards))
        sharded.append([(statistics.split_path(s) / "FeatureStats.pb").read_bytes() for s in ("train", "test")])
    assert sharded[0] == sharded[1]


def test_an_empty_split_has_statistics(steps: Any) -> None:
    statistics = steps.statistics(steps.examples({"train": [{"text": "a b c", "label": "l"}], "test": []}))
    message = statistics_pb2.DatasetFeatureStatisticsList.FromString(
        (statistics.split_path("test") / "FeatureStats.pb").read_bytes()
    )
    assert message.datasets[0].num_examples == 0
    assert statistics.properties["split_names"] == '["test", "train"]'


def test_a_column_that_is_not_there_is_named(steps: Any) -> None:
    with pytest.raises(ConfigError, match=r"no column `body`\. They have text, label"):
        steps.statistics(steps.examples({"train": [{"text": "a", "label": "l"}]}), text=("body",))
