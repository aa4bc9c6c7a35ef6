"""What BulkInferrer scores, and how it writes what it finds."""

from typing import Literal

from pydantic import Field

from schemas.config.data import DataConfig, Globs, ImagesConfig
from schemas.config.section import Section

InputFormat = Literal["csv", "jsonl", "parquet", "tfrecord", "image-folder"]
OutputFormat = Literal["parquet", "csv", "prediction-log"]


class InferenceConfig(Section):
    """Files of new examples, read as ExampleGen reads them, without labels."""

    format: InputFormat
    files: Globs
    """A glob, or a list of globs, of files; with `image-folder`, of folders with a folder a class."""

    features: dict[str, str] = Field(default_factory=dict)
    """Model input to column; an input that is not named has a column of its own name, or a folder's `path`."""

    keep: tuple[str, ...] = ()
    """Columns that go along into the result, such as a key."""

    images: ImagesConfig | None = None
    """Where pictures come from, for a model that takes some; unless given, from paths, of TFRecords from bytes."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    columns: tuple[str, ...] | None = None
    """For `csv` without a header line: the columns' names."""

    output_format: OutputFormat = "parquet"

    def data(self, features: dict[str, str], images: ImagesConfig | None) -> DataConfig:
        """The same as ExampleGen's section. (A label is asked for there; none is read.)"""
        return DataConfig(
            format=self.format,
            splits={"train": self.files},
            features=features,
            label=next(iter(features.values())),
            images=images,
            delimiter=self.delimiter,
            columns=self.columns,
        )
