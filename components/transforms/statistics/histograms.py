"""Histograms as messages of tensorflow_metadata."""

from collections.abc import Iterable
from typing import Final

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.transforms.statistics.numbers import Bucket, Distribution
from schemas.statistics import percentiles_of

STANDARD: Final = 0
"""Buckets of equal width."""

QUANTILES: Final = 1
"""Buckets of equally many values."""


def write_buckets(histogram: statistics_pb2.Histogram, buckets: Iterable[Bucket], kind: int) -> None:
    histogram.type = kind
    for bucket in buckets:
        histogram.buckets.add(low_value=bucket.low, high_value=bucket.high, sample_count=bucket.count)


def write_percentiles(
    message: statistics_pb2.FeatureNameStatistics, distribution: Distribution, measure: str = ""
) -> None:
    """Appends where a hundredth, two hundredths, ... of all values end; what two spans are compared by."""
    histogram = message.custom_stats.add(name=percentiles_of(measure)).histogram
    write_buckets(histogram, distribution.equal_count(100), QUANTILES)


def write_ranks(histogram: statistics_pb2.RankHistogram, counts: Iterable[tuple[str, int]]) -> None:
    """Writes labels and how often each occurs, in the order given."""
    for rank, (label, count) in enumerate(counts):
        histogram.buckets.add(low_rank=rank, high_rank=rank, label=label, sample_count=count)
