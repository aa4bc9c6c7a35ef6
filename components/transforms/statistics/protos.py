"""Statistics as TensorFlow Data Validation writes them: DatasetFeatureStatisticsList."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from tensorflow_metadata.proto.v0 import statistics_pb2

from components.transforms.statistics.duplicates import TextMatches
from components.transforms.statistics.features import FeatureStatistics, SplitStatistics
from components.transforms.statistics.findings import finding, near_finding, sources
from components.transforms.statistics.histograms import (
    QUANTILES,
    STANDARD,
    write_buckets,
    write_percentiles,
    write_ranks,
)
from components.transforms.statistics.image_protos import image_quality, write_images
from components.transforms.statistics.neighbours import NearMatches
from components.transforms.statistics.numbers import Distribution
from components.transforms.statistics.scripts import SCRIPTS
from components.transforms.statistics.texts import TextStatistics
from components.transforms.statistics.values import ValueCounts
from schemas.statistics import Finding, TextQuality

_TYPES = {"INT": 0, "FLOAT": 1, "BYTES": 2}
_TAILS = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999}
_TOP_VALUES = 20


@dataclass
class SplitParts:
    """What the stages of the pipeline found of one split, feature by feature."""

    statistics: SplitStatistics
    values: Mapping[str, ValueCounts] = field(default_factory=dict)
    matches: Mapping[str, TextMatches] = field(default_factory=dict)
    neighbours: Mapping[str, NearMatches] = field(default_factory=dict)
    neighbours_in_train: Mapping[str, NearMatches] = field(default_factory=dict)


def to_bytes(split: str, parts: SplitParts) -> bytes:
    """The split's DatasetFeatureStatisticsList, the same bytes for the same statistics."""
    result = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = result.datasets.add(name=split, num_examples=parts.statistics.examples)
    for name, feature in parts.statistics.features.items():
        message = dataset.features.add(type=_TYPES[feature.kind])
        message.path.step.append(name)
        if feature.numbers:
            _write_numbers(message.num_stats, feature)
            write_percentiles(message, feature.numbers.distribution)
        elif _is_binary(feature):
            _write_bytes(message.bytes_stats, feature, parts.values.get(name))
        else:
            _write_strings(message.string_stats, feature, parts.values.get(name))
        if feature.text:
            matches = parts.matches.get(name, TextMatches())
            message.string_stats.unique = matches.distinct
            _write_tokens(message, feature.text)
            _quality(feature.text, matches, parts.neighbours.get(name, NearMatches())).write(message)
        if feature.images:
            matches = parts.matches.get(name, TextMatches())
            message.bytes_stats.unique = matches.distinct
            write_images(message, feature.images)
            near, of_train = (found.get(name, NearMatches()) for found in (parts.neighbours, parts.neighbours_in_train))
            image_quality(feature.images, matches, near, of_train).write(message)
    return result.SerializeToString(deterministic=True)


def _is_binary(feature: FeatureStatistics) -> bool:
    """Whether a feature holds bytes rather than strings: pictures, or values most of which are not UTF-8."""
    assert feature.strings
    if feature.images:
        return True
    return not feature.text and feature.strings.invalid_utf8 * 2 > feature.total_values


def _write_common(common: statistics_pb2.CommonStatistics, feature: FeatureStatistics) -> None:
    present = feature.values_per_example.count
    common.num_non_missing, common.num_missing = present, feature.missing
    common.tot_num_values = feature.total_values
    if present:
        common.min_num_values = int(feature.values_per_example.low)
        common.max_num_values = int(feature.values_per_example.high)
        common.avg_num_values = feature.total_values / present
        write_buckets(common.num_values_histogram, feature.values_per_example.equal_count(), QUANTILES)


def _write_numbers(stats: statistics_pb2.NumericStatistics, feature: FeatureStatistics) -> None:
    _write_common(stats.common_stats, feature)
    numbers = feature.numbers
    assert numbers
    stats.mean, stats.std_dev, stats.num_zeros = numbers.moments.mean, numbers.moments.std_dev, numbers.zeros
    distribution = numbers.distribution
    if distribution.count:
        stats.min, stats.max = distribution.low, distribution.high
        stats.median = distribution.quantiles([0.5])[0]
    for buckets, kind in ((distribution.equal_width(), STANDARD), (distribution.equal_count(), QUANTILES)):
        histogram = stats.histograms.add(num_nan=numbers.nan, num_undefined=numbers.infinite)
        write_buckets(histogram, buckets, kind)


def _write_strings(
    stats: statistics_pb2.StringStatistics, feature: FeatureStatistics, values: ValueCounts | None
) -> None:
    _write_common(stats.common_stats, feature)
    assert feature.strings
    stats.avg_length = feature.strings.total_bytes / max(feature.total_values, 1)
    stats.invalid_utf8_count = feature.strings.invalid_utf8
    stats.unique = values.distinct if values else 0
    for rank, (value, count) in enumerate(values.top if values else ()):
        text = value.decode("utf-8", "backslashreplace")
        if rank < _TOP_VALUES:
            stats.top_values.add(value=text, frequency=count)
        stats.rank_histogram.buckets.add(low_rank=rank, high_rank=rank, label=text, sample_count=count)


def _write_bytes(stats: statistics_pb2.BytesStatistics, feature: FeatureStatistics, values: ValueCounts | None) -> None:
    _write_common(stats.common_stats, feature)
    strings = feature.strings
    assert strings
    stats.unique = values.distinct if values else 0
    stats.avg_num_bytes = strings.total_bytes / max(feature.total_values, 1)
    stats.min_num_bytes, stats.max_num_bytes = strings.min_bytes or 0, strings.max_bytes or 0
    stats.max_num_bytes_int = strings.max_bytes or 0


def _write_tokens(message: statistics_pb2.FeatureNameStatistics, text: TextStatistics) -> None:
    """Token lengths with their tails, and the scripts by letters and by texts that hold any."""
    tokens: Distribution = text.tokens
    histogram = message.custom_stats.add(name="token_length").histogram
    write_buckets(histogram, tokens.equal_count(), QUANTILES)
    if tokens.count:
        message.custom_stats.add(name="token_length_mean", num=text.token_moments.mean)
        for name, length in zip(_TAILS, tokens.quantiles(_TAILS.values()), strict=True):
            message.custom_stats.add(name=f"token_length_{name}", num=length)
        message.custom_stats.add(name="token_length_max", num=tokens.high)
    write_percentiles(message, tokens, "token_length")
    for name, counts in (("scripts", text.letters), ("script_texts", text.texts_with)):
        present = sorted(np.flatnonzero(counts).tolist(), key=lambda script: (-counts[script], script))
        ranks = ((SCRIPTS[script], int(counts[script])) for script in present)
        write_ranks(message.custom_stats.add(name=name).rank_histogram, ranks)


def _quality(text: TextStatistics, matches: TextMatches, neighbours: NearMatches) -> TextQuality:
    return TextQuality(
        texts=text.tokens.count,
        distinct=matches.distinct,
        empty=Finding(text.empty, sources(text.empty_rows)),
        near_empty=Finding(text.near_empty, sources(text.near_empty_rows)),
        duplicates=finding(matches.duplicates),
        near_duplicates=near_finding(neighbours, matches.origins, matches.origins, "text"),
        conflicting_labels=finding(matches.conflicts),
        leaked=finding(matches.leaked),
    )
