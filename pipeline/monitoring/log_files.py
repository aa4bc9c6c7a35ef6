"""Which request logs there are, finished and unfinished ones, and which files of labels."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from components.input_files import as_globs
from schemas.config import DataConfig, DelayedLabels, Globs, PipelineConfig
from schemas.config.monitoring import LabelFormat
from schemas.errors import ConfigError

if TYPE_CHECKING:
    from components.transforms.readers import Reader, Source

_FORMATS: Final[dict[str, str]] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


def log_files(logs: Globs, base: Path) -> list[tuple[Path, str]]:
    """Logs and how they are shown, oldest name first.

    A log that is being written has a dot before its name, which globs pass over; it counts where its final name would.

    Raises:
        ConfigError: a glob matches nothing.
    """
    found: dict[Path, str] = {}
    for pattern in as_globs(logs):
        folder, name = os.path.split(pattern)
        # Unfinished ones first: one that is finished between both looks is seen twice, rather than not at all.
        names = [*_matching(str(Path(folder, f".{name}")), base), *_matching(pattern, base)]
        if not names:
            raise ConfigError(
                f"`monitoring.logs` must match files that `trainworks serve --request_log DIR` writes, `DIR/<model>/*`."
                f" Received: {pattern!r}, looked for in {base}, where nothing matches"
            )
        for one in names:
            path = base / one
            found.setdefault(path.with_name(path.name.removeprefix(".")), one)
    return sorted((base / shown, shown) for shown in found.values())


def _matching(pattern: str, base: Path) -> list[str]:
    names = sorted(glob.glob(pattern, root_dir=base, recursive=True))  # noqa: PTH207 - Path.glob knows no absolute ones
    return [name for name in names if (base / name).is_file()]


def label_data(labels: DelayedLabels, config: PipelineConfig, base: Path) -> DataConfig:
    """Files of labels as ExampleGen's section describes data.

    Raises:
        ConfigError: no file matches, or its name does not tell its format.
    """
    data, key = config.data, labels.key
    for pattern in as_globs(labels.files):
        if not _matching(pattern, base):
            raise ConfigError(
                f"`monitoring.labels.files` must match files of labels. Received: {pattern!r}, looked for in {base},"
                " where nothing matches"
            )
    return DataConfig(
        format=labels.format or _format(as_globs(labels.files)[0]),
        splits={"train": labels.files},
        features={"key": key} if key else data.features,
        label=labels.label or data.label,
        images=None if key else data.images,
        delimiter=labels.delimiter,
    )


def check_label_columns(reader: "Reader", sources: "Sequence[Source]", key: Sequence[str], label: str) -> None:
    """Raises a ConfigError for a file of labels that lacks a column."""
    for source in sources:
        found = reader.probe(source)
        for column, setting in [*((name, "key") for name in key), (label, "label")]:
            if column not in found:
                listed = ", ".join(f"`{name}`" for name in list(found)[:20])
                raise ConfigError(
                    f"`{source.shown}` must have the column `{column}`, by which labels are read. Columns found:"
                    f" {listed}. Name another by `monitoring.labels.{setting}`"
                )


def _format(name: str) -> LabelFormat:
    suffix = Path(name.removesuffix(".gz")).suffix
    for known in get_args(LabelFormat):
        if _FORMATS.get(suffix) == known:
            return known
    formats = ", ".join(get_args(LabelFormat))
    raise ConfigError(f"`monitoring.labels.format` must say what the files are: {formats}. Received: files={name!r}")
