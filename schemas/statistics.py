"""Statistics of a split as they stand in FeatureStats.pb: what the steps that read them may ask.

The file is a DatasetFeatureStatisticsList as TensorFlow Data Validation writes it. What texts and pictures need beyond
that stands in the feature's `custom_stats`.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import ClassVar, Final, Literal, Self

from tensorflow_metadata.proto.v0 import statistics_pb2

from schemas.ingestion import FeatureType

_KINDS: dict[int, FeatureType] = {0: "INT", 1: "FLOAT", 2: "BYTES", 3: "BYTES"}
_TOKENS = "token_length"
_SCRIPTS = "script_texts"
_DOMAIN, _IMAGES = "domain_info", "image_domain {}"

CHANNELS: Final = ("red", "green", "blue")

ImageMeasure = Literal["width", "height", "aspect_ratio", "bytes", "brightness", "contrast"]
"""What is measured of each picture: pixels, once upright; their ratio; encoded bytes; mean and standard deviation of
the luminance, 0 to 255, of the picture shrunk to 64x64."""


@dataclass(frozen=True)
class Finding:
    """How many rows have some quality, with a few of them: `file:line` or `file:line: what is there`."""

    count: int = 0
    rows: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quality(ABC):
    """What statistics say of rows that can be compared, texts or pictures.

    Args:
        distinct: different texts that hold a word, or pictures that are not blank.
        duplicates: rows whose text or picture stands in an earlier row of the split.
        near_duplicates: different ones that resemble another of the split, which is not counted.
        conflicting_labels: rows whose text or picture stands in the split under more than one label.
        leaked: rows whose text or picture stands in the training split too.
    """

    things: ClassVar[str] = "rows"
    """What the rows hold, in words."""

    distinct: int = 0
    duplicates: Finding = field(default_factory=Finding)
    near_duplicates: Finding = field(default_factory=Finding)
    conflicting_labels: Finding = field(default_factory=Finding)
    leaked: Finding = field(default_factory=Finding)

    @property
    @abstractmethod
    def rows(self) -> int:
        """Rows that hold a text or a picture."""

    def write(self, feature: statistics_pb2.FeatureNameStatistics) -> None:
        """Appends the counts as custom statistics: `<name>_texts`, and `<name>_rows`, a JSON list."""
        for attribute in fields(self):
            value = getattr(self, attribute.name)
            if isinstance(value, Finding):
                feature.custom_stats.add(name=f"{attribute.name}_{self.things}", num=value.count)
                feature.custom_stats.add(name=f"{attribute.name}_rows", str=json.dumps(value.rows, ensure_ascii=False))
            else:
                feature.custom_stats.add(name=f"{attribute.name}_count", num=value)

    @classmethod
    def read(cls, feature: statistics_pb2.FeatureNameStatistics) -> Self:
        """The counts that `write` appended; zero where there are none."""
        custom = {statistic.name: statistic for statistic in feature.custom_stats}
        found: dict[str, Finding | int] = {}
        for attribute in fields(cls):
            if f"{attribute.name}_{cls.things}" in custom:
                rows = json.loads(custom[f"{attribute.name}_rows"].str or "[]")
                found[attribute.name] = Finding(int(custom[f"{attribute.name}_{cls.things}"].num), tuple(rows))
            elif f"{attribute.name}_count" in custom:
                found[attribute.name] = int(custom[f"{attribute.name}_count"].num)
        return cls(**found)  # type: ignore[arg-type]


@dataclass(frozen=True)
class TextQuality(Quality):
    """What statistics say of a text feature beyond those of a string.

    Args:
        texts: rows with a text.
        empty: rows whose text holds no word.
        near_empty: rows whose text holds one or two.
    """

    things: ClassVar[str] = "texts"

    texts: int = 0
    empty: Finding = field(default_factory=Finding)
    near_empty: Finding = field(default_factory=Finding)

    @property
    def rows(self) -> int:
        return self.texts


@dataclass(frozen=True)
class ImageQuality(Quality):
    """What statistics say of a picture feature beyond sizes and colors.

    Pictures are the same when their encoded bytes are.

    Args:
        images: rows with a picture.
        plain: rows whose picture is not blank, but too plain to tell near duplicates by: gradients, stripes.
        blank: rows whose picture is of one color.
        nearly_leaked: different pictures that do not stand in the training split, but resemble one that does.
    """

    things: ClassVar[str] = "pictures"

    images: int = 0
    plain: int = 0
    blank: Finding = field(default_factory=Finding)
    nearly_leaked: Finding = field(default_factory=Finding)

    @property
    def rows(self) -> int:
        return self.images


def percentiles_of(measure: str) -> str:
    """Name of the custom statistic that holds a measure's percentiles."""
    return f"{measure}_percentiles".lstrip("_")


def mark_images(feature: statistics_pb2.FeatureNameStatistics) -> None:
    """Says that a feature holds pictures, in TensorFlow Data Validation's words."""
    feature.custom_stats.add(name=_DOMAIN, str=_IMAGES)


@dataclass(frozen=True)
class FeatureView:
    """One feature of a split's statistics."""

    proto: statistics_pb2.FeatureNameStatistics

    @property
    def name(self) -> str:
        return self.proto.name or ".".join(self.proto.path.step)

    @property
    def kind(self) -> FeatureType:
        return _KINDS[self.proto.type]

    @property
    def common(self) -> statistics_pb2.CommonStatistics:
        stats = self.proto.WhichOneof("stats")
        return getattr(self.proto, stats).common_stats if stats else statistics_pb2.CommonStatistics()

    @property
    def is_text(self) -> bool:
        """Whether statistics were told to read it as text."""
        return any(statistic.name == _TOKENS for statistic in self.proto.custom_stats)

    @property
    def is_image(self) -> bool:
        """Whether it holds pictures."""
        return any(statistic.name == _DOMAIN and statistic.str == _IMAGES for statistic in self.proto.custom_stats)

    @property
    def quality(self) -> Quality:
        """What holds for texts and pictures alike."""
        return self.images if self.is_image else self.texts

    @property
    def texts(self) -> TextQuality:
        return TextQuality.read(self.proto)

    @property
    def images(self) -> ImageQuality:
        return ImageQuality.read(self.proto)

    @property
    def image_formats(self) -> dict[str, int]:
        """How many pictures have which format: `{"jpeg": 12, "png": 3}`."""
        name = "image_format_histogram"
        histograms = (statistic.rank_histogram for statistic in self.proto.custom_stats if statistic.name == name)
        return {bucket.label: round(bucket.sample_count) for histogram in histograms for bucket in histogram.buckets}

    def image_measure(self, name: ImageMeasure) -> tuple[float, float, float] | None:
        """The least, the middle and the largest of a measure of pictures; None where there are none."""
        custom = {statistic.name: statistic.num for statistic in self.proto.custom_stats}
        if f"image_min_{name}" not in custom:
            return None
        return custom[f"image_min_{name}"], custom[f"image_median_{name}"], custom[f"image_max_{name}"]

    @property
    def scripts(self) -> dict[str, int]:
        """How many texts hold letters of which script."""
        histograms = (statistic.rank_histogram for statistic in self.proto.custom_stats if statistic.name == _SCRIPTS)
        return {bucket.label: round(bucket.sample_count) for histogram in histograms for bucket in histogram.buckets}

    def percentiles(self, of: str = "") -> tuple[float, ...]:
        """The least values that at least 0, 1, ..., 100 % do not exceed; empty where there are none.

        Args:
            of: `token_length`, or `image_<measure>`; the numbers of a numeric feature unless given.
        """
        name = percentiles_of(of)
        histograms = (statistic.histogram for statistic in self.proto.custom_stats if statistic.name == name)
        buckets = [bucket for histogram in histograms for bucket in histogram.buckets]
        return (*(bucket.low_value for bucket in buckets), buckets[-1].high_value) if buckets else ()

    @property
    def distinct(self) -> int:
        """Number of different values of a string feature."""
        return int(self.proto.string_stats.unique)

    @property
    def values(self) -> dict[str, int]:
        """The most frequent values of a string feature and their counts, most frequent first."""
        return {bucket.label: round(bucket.sample_count) for bucket in self.proto.string_stats.rank_histogram.buckets}

    @property
    def all_values_known(self) -> bool:
        """Whether `values` holds all values, not only the most frequent."""
        return len(self.proto.string_stats.rank_histogram.buckets) == self.distinct

    @property
    def not_finite(self) -> int:
        """Values of a numeric feature that are NaN or infinite."""
        histograms = self.proto.num_stats.histograms
        return int(histograms[0].num_nan + histograms[0].num_undefined) if histograms else 0


@dataclass(frozen=True)
class SplitView:
    """A split's statistics by feature."""

    name: str
    examples: int
    features: dict[str, FeatureView]

    def text_features(self) -> Iterator[FeatureView]:
        yield from (feature for feature in self.features.values() if feature.is_text)

    def image_features(self) -> Iterator[FeatureView]:
        yield from (feature for feature in self.features.values() if feature.is_image)


def load_statistics(folder: Path) -> SplitView:
    """Reads `FeatureStats.pb` of a split's folder `Split-<name>`."""
    message = statistics_pb2.DatasetFeatureStatisticsList.FromString((folder / "FeatureStats.pb").read_bytes())
    dataset = message.datasets[0]
    views = [FeatureView(feature) for feature in dataset.features]
    return SplitView(folder.name.removeprefix("Split-"), int(dataset.num_examples), {view.name: view for view in views})
