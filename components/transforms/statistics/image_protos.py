"""Statistics of pictures as custom statistics, by TensorFlow Data Validation's names where it has one.

Of each measure there are the quantiles (`image_width`), the least, the middle and the largest value (`image_min_width`,
`image_median_width`, `image_max_width`).
"""

from collections.abc import Iterable

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.transforms.statistics.duplicates import TextMatches
from components.transforms.statistics.findings import finding, near_finding, sources
from components.transforms.statistics.histograms import QUANTILES, write_buckets, write_percentiles, write_ranks
from components.transforms.statistics.images import ImageStatistics
from components.transforms.statistics.neighbours import NearMatches
from components.transforms.statistics.numbers import Distribution
from schemas.statistics import CHANNELS, Finding, ImageMeasure, ImageQuality, mark_images


def write_images(message: statistics_pb2.FeatureNameStatistics, images: ImageStatistics) -> None:
    """Appends formats, channels, sizes and colors."""
    mark_images(message)
    write_ranks(message.custom_stats.add(name="image_format_histogram").rank_histogram, sorted(images.formats.items()))
    channels = ((str(number), count) for number, count in sorted(images.channels.items()))
    write_ranks(message.custom_stats.add(name="image_channels_histogram").rank_histogram, channels)
    for name, distribution in _measures(images):
        _write_measure(message, name, distribution)
    for number, channel in enumerate(CHANNELS if images.count else ()):
        message.custom_stats.add(name=f"image_mean_{channel}", num=images.channel_means[number])
        message.custom_stats.add(name=f"image_std_dev_{channel}", num=images.channel_std_devs[number])


def image_quality(
    images: ImageStatistics, matches: TextMatches, near: NearMatches, near_train: NearMatches
) -> ImageQuality:
    return ImageQuality(
        images=images.count,
        distinct=matches.distinct,
        plain=images.plain,
        blank=Finding(images.blank, sources(images.blank_rows)),
        duplicates=finding(matches.duplicates),
        near_duplicates=near_finding(near, matches.origins, matches.origins, "picture"),
        conflicting_labels=finding(matches.conflicts),
        leaked=finding(matches.leaked),
        nearly_leaked=near_finding(near_train, matches.origins, matches.train_origins, "picture"),
    )


def _measures(images: ImageStatistics) -> Iterable[tuple[ImageMeasure, Distribution]]:
    yield "width", images.widths
    yield "height", images.heights
    yield "aspect_ratio", images.aspect_ratios
    yield "bytes", images.sizes
    yield "brightness", images.brightness
    yield "contrast", images.contrast


def _write_measure(
    message: statistics_pb2.FeatureNameStatistics, name: ImageMeasure, distribution: Distribution
) -> None:
    write_buckets(message.custom_stats.add(name=f"image_{name}").histogram, distribution.equal_count(), QUANTILES)
    if distribution.count:
        message.custom_stats.add(name=f"image_min_{name}", num=distribution.low)
        message.custom_stats.add(name=f"image_median_{name}", num=distribution.quantiles([0.5])[0])
        message.custom_stats.add(name=f"image_max_{name}", num=distribution.high)
    write_percentiles(message, distribution, f"image_{name}")
