"""StatisticsGen: what is in the data, split by split."""

import json
from pathlib import Path

from components.component import Component, Context, Input, Output, Volume
from components.partials import Partials
from schemas.artifacts import Examples, ExampleStatistics
from schemas.errors import ConfigError
from schemas.ingestion import SOURCE


class StatisticsGen(Component):
    """Full-pass statistics of every split, computed with Beam.

    `Split-<name>/FeatureStats.pb` holds what TensorFlow Data Validation's users expect: counts, missing values, means,
    quantiles, histograms, top values. For text features it adds what text needs, as custom statistics: the tails of the
    token lengths, the scripts, empty and near-empty texts, exact and near duplicates, texts under more than one label,
    and texts that stand in the training split too (see `schemas.statistics.TextQuality`). For pictures it adds formats,
    sizes, channels, colors, blank pictures, and the same of equal and similar ones (see
    `schemas.statistics.ImageQuality`).

    Statistics do not depend on how the examples are sharded: the same examples give the same bytes. What was found of a
    shard is kept, and merged again when the shard comes again; rows are compared by what was kept of them.
    """

    libraries = ("apache-beam", "numpy", "tensorflow", "tensorflow-metadata")
    spread_modules = ("components.transforms.statistics.splits",)

    examples: Input[Examples]
    statistics: Output[ExampleStatistics]

    label: str | None
    """The column to predict, if there is one."""

    text: tuple[str, ...] = ()
    """Columns that hold text."""

    images: tuple[str, ...] = ()
    """Columns that hold encoded pictures, every one of which can be decoded."""

    def volume(self, base: Path) -> Volume:
        return Volume.of_examples(self.examples)

    def run(self, context: Context) -> None:
        """Raises a ConfigError when `text`, `images` or `label` names a column that the examples lack."""
        from components.transforms.beam import beam_pipeline, counted
        from components.transforms.statistics.observe import REUSED, Columns
        from components.transforms.statistics.splits import (
            IMAGES_PER_BATCH,
            SplitFiles,
            WriteStatistics,
            partitions_for,
        )
        from components.transforms.tfrecords import batch_size_for

        ingestion = self.examples.ingestion()
        types = {name: kind for name, kind in ingestion.columns.items() if name != SOURCE}
        for name in (*self.text, *self.images, *([self.label] if self.label is not None else [])):
            if name not in types:
                raise ConfigError(f"StatisticsGen: the examples have no column `{name}`. They have {', '.join(types)}.")
        text, images = (tuple(name for name in names if types[name] == "BYTES") for names in (self.text, self.images))
        columns = Columns(types, self.label, text, images)
        splits = [
            SplitFiles(
                name,
                tuple(self.examples.shards(name)),
                self.statistics.split_path(name) / "FeatureStats.pb",
                tuple(self.examples.shard_digests(name)),
            )
            for name in self.examples.splits()
        ]
        for split in splits:
            split.output.parent.mkdir(parents=True, exist_ok=True)
        rows = sum(ingestion.rows.values())
        shards = [path for split in splits for path in split.shards]
        batch_size = batch_size_for(shards, rows, IMAGES_PER_BATCH) if images else None
        with beam_pipeline(context.beam) as pipeline:
            pipeline | WriteStatistics(
                splits,
                columns,
                partitions_for(rows),
                batch_size,
                partials=Partials(context.partials),
                code=context.code,
            )
        reused = counted(pipeline, REUSED)
        context.logger.info(
            "looked at %d of %d shards; earlier runs had looked at the others", len(shards) - reused, len(shards)
        )
        self.statistics.properties["split_names"] = json.dumps([split.name for split in splits])
        self.statistics.properties["span"] = self.examples.properties.get("span", 0)
