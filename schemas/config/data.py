"""Section `data`: where the examples are, and what their columns mean."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from schemas.config.section import Section
from schemas.config.spans import SpansConfig
from schemas.config.task import Modality
from schemas.span_pattern import SpanPattern, names_spans

Format = Literal["csv", "jsonl", "parquet", "tfrecord", "prediction-log", "image-folder", "tfds"]

_IN_RECORDS = ("tfrecord", "prediction-log", "tfds")
"""Formats that hold pictures, not paths of pictures."""

Globs = str | Annotated[tuple[str, ...], Field(min_length=1)]


class HoldoutConfig(Section):
    """Splits cut from another split, stable when rows are added: an example's side depends on its own content alone.

    In the file: `holdout: {eval: 0.1, from: train, by: hash}`.
    """

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)
    __pydantic_extra__: dict[str, float]

    source: str = Field(default="train", alias="from")
    """Split that is cut."""

    by: str = "hash"
    """`hash` of the features and the label, or the name of a column: rows that share its value stay on one side."""

    @property
    def fractions(self) -> dict[str, float]:
        """Split name to its share of the source split, each in (0, 1)."""
        return dict(self.__pydantic_extra__)

    @model_validator(mode="after")
    def _shares_leave_something(self) -> Self:
        shares = self.fractions
        if not shares:
            raise ValueError("a holdout must name a split and its share, such as `eval: 0.1`")
        if any(not 0 < share < 1 for share in shares.values()) or sum(shares.values()) >= 1:
            raise ValueError(f"shares of a holdout must lie between 0 and 1 and leave something to `{self.source}`")
        if self.source in shares:
            raise ValueError(f"a holdout cannot have the name of the split it is cut from, `{self.source}`")
        return self


class ImagesConfig(Section):
    """Where pictures come from, and how large they may be; a row whose picture is not within these limits is left out.

    In the file: `images: {from: path, root: pictures}`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    source: Literal["path", "bytes"] = Field(default="path", alias="from")
    """What a feature's column holds: the path of a file, or the encoded picture (base64 where a format is text)."""

    root: str | None = None
    """The folder that paths start from and may not lead out of. Unless given, the folder of the file they stand in."""

    max_pixels: int = Field(default=50_000_000, ge=1, le=1 << 62)
    """Most pixels (width times height) of a picture; read from its header, before anything is decoded."""

    max_bytes: int = Field(default=32 << 20, ge=1)
    """Most bytes of an encoded picture."""


class DataConfig(Section):
    """Where the examples are and what their columns mean."""

    format: Format
    splits: dict[str, Globs] = Field(min_length=1)
    """Split name to a glob, or a list of globs, of files; for `tfds`, to a split of the data set. In quotes, globs may
    hold `{SPAN}`, `{VERSION}`, or `{YYYY}`, `{MM}` and `{DD}`; see `spans`."""

    spans: SpansConfig | None = None
    """Which spans are read, where globs hold `{SPAN}` or a date. One such glob alone, in place of `splits`, is that of
    `train`."""

    holdout: HoldoutConfig | None = None
    """Cut from a split. Unless given, and unless `splits` has `eval` or `validation`, 10 % of `train` become `eval`."""

    features: dict[str, str] = Field(min_length=1)
    """Model input to column."""

    images: ImagesConfig | None = None
    """Given, features are pictures. With `format: image-folder` they are without it."""

    label: str | None = None
    """The column to predict; with `task: pretraining` none."""

    box: tuple[str, str, str, str] | None = None
    """With `task: localization`: the columns of the box, `[xmin, ymin, xmax, ymax]`, from the upper left corner."""

    box_unit: Literal["relative", "pixels"] = "relative"
    """Whether they hold shares of the picture's width and height or pixels of the upright picture."""

    label_separator: str = Field(default="|", min_length=1)
    """With `task: multi-label`: what stands between labels where a column holds them as one text."""

    name: str | None = None
    """For `tfds`: the data set, such as `imdb_reviews` or `my_dataset:1.0.0`."""

    directory: str | None = None
    """For `tfds`: the folder that holds prepared data sets (`data_dir`)."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """For `csv`: the character between fields."""

    columns: tuple[str, ...] | None = None
    """For `csv` without a header line: the columns' names."""

    keep: tuple[str, ...] = ()
    """Further columns to keep in the examples, for slices and partition keys."""

    @model_validator(mode="before")
    @classmethod
    def _columns_of_a_folder(cls, given: Any) -> Any:
        """A folder of pictures has two columns, `path` and `label`, and need not be told so.

        It holds pictures where `images:` stands there with nothing in it, too. Examples in records hold pictures, not
        paths, and need not be told so either.
        """
        if not isinstance(given, dict):
            return given
        if given.get("format") == "image-folder":
            columns = {"features": {"image": "path"}, "label": "label", "images": {}} | given
            return columns if columns["images"] is not None else columns | {"images": {}}
        images = given.get("images")
        if given.get("format") in _IN_RECORDS and isinstance(images, dict) and "source" not in images:
            return given | {"images": {"from": "bytes"} | images}
        return given

    @model_validator(mode="before")
    @classmethod
    def _spans_of_a_pattern(cls, given: Any) -> Any:
        """One pattern in place of `splits` is that of `train`; patterns in `splits` need no section `spans`."""
        if not isinstance(given, dict):
            return given
        spans, splits = given.get("spans"), given.get("splits")
        if isinstance(spans, str):
            if splits is not None:
                raise ValueError("`spans: <pattern>` stands in place of `splits`. Give one of them")
            return {**given, "splits": {"train": spans}, "spans": {}}
        globs = splits.values() if isinstance(splits, dict) else ()
        if spans is None and any(
            names_spans(glob) for some in globs for glob in _listed(some) if isinstance(glob, str)
        ):
            return {**given, "spans": {}}
        return given

    @model_validator(mode="after")
    def _train_is_there(self) -> Self:
        if "train" not in self.splits:
            raise ValueError(f"`splits` must name a `train` split. Received: {', '.join(self.splits)}")
        if self.holdout and self.holdout.source not in self.splits:
            raise ValueError(f"`holdout` is cut from `{self.holdout.source}`, which `splits` does not name")
        if self.format == "tfds" and not self.name:
            raise ValueError("format `tfds` needs `name`, the data set's name")
        return self

    @model_validator(mode="after")
    def _pictures_come_as_the_format_has_them(self) -> Self:
        images = self.images
        if images and images.source == "path" and self.format in _IN_RECORDS:
            raise ValueError(f"`images` of format `{self.format}` are `from: bytes`. Received: from='path'")
        if images and images.root is not None and (self.format == "image-folder" or images.source == "bytes"):
            raise ValueError("`images.root` is where paths in rows start from; here are none. Leave it out")
        return self

    @model_validator(mode="after")
    def _spans_fit(self) -> Self:
        if self.spans is not None:
            if self.format == "tfds":
                raise ValueError("`spans` are of files; format `tfds` has none. Take the splits of the data set")
            _check_spans(self.spans, self.span_patterns, folders=self.format == "image-folder")
        return self

    @property
    def span_patterns(self) -> dict[str, tuple[SpanPattern, ...]]:
        """Splits whose globs tell spans, and those globs."""
        found = {name: tuple(map(SpanPattern, filter(names_spans, _listed(g)))) for name, g in self.splits.items()}
        return {name: patterns for name, patterns in found.items() if patterns}

    @property
    def modality(self) -> Modality:
        """What the features are."""
        return "image" if self.images else "text"

    @property
    def effective_holdout(self) -> HoldoutConfig | None:
        """The holdout that is cut, with the default of 10 % for `eval` where nothing else evaluates training."""
        if self.holdout or {"eval", "validation"} & set(self.splits):
            return self.holdout
        return HoldoutConfig.model_validate({"eval": 0.1})

    @property
    def eval_split(self) -> str:
        """The split that watches training: `eval`, else `validation`, else the first that is held out."""
        names = self.split_names
        return next((n for n in ("eval", "validation") if n in names), names[-1])

    @property
    def split_names(self) -> tuple[str, ...]:
        """Every split of the examples: those given, then those held out."""
        return (*self.splits, *(self.effective_holdout.fractions if self.effective_holdout else ()))


def _listed(globs: object) -> Sequence[Any]:
    """One glob or several, as several; none where a mistake stands in their place."""
    if isinstance(globs, str):
        return [globs]
    return globs if isinstance(globs, list | tuple) else ()


def _check_spans(spans: SpansConfig, patterns: Mapping[str, Sequence[SpanPattern]], *, folders: bool) -> None:
    """Raises a ValueError where patterns contradict each other or the section."""
    if "train" not in patterns:
        raise ValueError('`spans` need a glob of `train` that tells them, such as "data/span-{SPAN}/*.csv", in quotes')
    every = [pattern for of_split in patterns.values() for pattern in of_split]
    for pattern in every:
        if (pattern.dated, pattern.versioned) != (every[0].dated, every[0].versioned):
            raise ValueError(
                f"all patterns must tell spans in the same words. Received: {every[0].text}, {pattern.text}"
            )
        if spans.marker and not pattern.tail and not folders:
            raise ValueError(f"with `spans.marker`, a span must have a folder of its own. Received: {pattern.text!r}")
        if spans.marker and not pattern.tail and not spans.marker.startswith("."):
            raise ValueError("`spans.marker` must begin with a full stop among pictures, to be none of them")
    for point in spans.points:
        if isinstance(point, int) == every[0].dated:
            kind = "a day, such as 2026-11-25" if every[0].dated else "a number"
            raise ValueError(f"a span of {every[0].text!r} must be {kind}. Received: {point}")
    for name in spans.newest_only:
        if name == "train" or name not in patterns:
            raise ValueError(
                f"`spans.newest_only` must name splits, beside `train`, whose globs tell spans. Received: {name}"
            )
