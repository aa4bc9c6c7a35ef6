"""What ExampleGen read: columns and their types, rows a split, and the defects it met, by file and line.

`ingestion.json` stands beside the splits of an Examples artifact. ExampleValidator holds its defects against the limits
of the pipeline file; every later reader takes the columns' types from it.
"""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

FeatureType = Literal["BYTES", "INT", "FLOAT"]

SOURCE = "_source"
"""Name of the feature that holds an example's origin, `file:line` (a path relative to the pipeline file).

From a folder of pictures it is the picture's file.
"""

PictureDefect = Literal["missing_image", "empty_image", "not_an_image", "oversized_image", "undecodable_image"]
"""What may be wrong with a picture; each leaves its row out."""

DefectKind = (
    Literal["invalid_utf8", "ragged_row", "nul_byte", "missing_label", "malformed_row", "wrong_type", "empty_class"]
    | PictureDefect
)

LONGEST_LABEL: Final = 256
"""Bytes of a classification label; what is longer is a text in the wrong column."""

MOST_LABELS: Final = 100_000
"""Different labels of a classification."""


class Defect(BaseModel):
    """One kind of defect in the raw rows of one split.

    `rows` keeps the first few origins (`file:line`). `dropped` says whether the rows were left out of the examples
    (ragged rows, say) or kept in a repaired form (invalid UTF-8 becomes U+FFFD).
    """

    model_config = ConfigDict(frozen=True)

    kind: DefectKind
    split: str
    count: int
    rows: tuple[str, ...] = ()
    dropped: bool = False


class SpanRows(BaseModel):
    """What a span came to: its number, its version, its name (a number or a day), and examples split by split."""

    model_config = ConfigDict(frozen=True)

    span: int
    version: int
    name: str
    rows: dict[str, int]


class Ingestion(BaseModel):
    """The report itself. `rows` counts the examples written, split by split; `columns` names every feature written.

    `spans`, oldest first, is empty where the data has none. A span that holds nothing is among them, with no rows.

    `shards` holds the SHA-256 of each shard, by split and in order, where they were taken as the shards were written.
    """

    model_config = ConfigDict(frozen=True)

    columns: dict[str, FeatureType]
    rows: dict[str, int]
    defects: tuple[Defect, ...] = ()
    spans: tuple[SpanRows, ...] = ()
    shards: dict[str, tuple[str, ...]] = {}
