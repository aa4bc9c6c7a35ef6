"""Scores files of new examples with a model, in Beam."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from components.component import Component, Context, Input, Output
from components.example_gen import units_of
from components.sources import pictures_of, sources_of
from schemas.artifacts import INPUTS, InferenceResult, Model, ModelBlessing
from schemas.config import BeamConfig, DataConfig, ImagesConfig, InferenceConfig
from schemas.errors import ConfigError, DataError, TrainworksError
from schemas.ingestion import SOURCE, FeatureType

if TYPE_CHECKING:
    from components.transforms.columns import Column
    from components.transforms.inference import Inferred
    from components.transforms.readers import Reader, Source

_STRING: Final = 7
"""DT_STRING."""


class BulkInferrer(Component):
    """Scores what files hold, with a model of this pipeline; `infer` does the same with any SavedModel.

    Files are read as ExampleGen reads them, and the model is asked through `serving_default`, as clients ask it.
    """

    libraries = ("apache-beam", "pyarrow", "tensorflow", "tensorflow-text")

    model: Input[Model]
    blessing: Input[ModelBlessing] | None
    """Given, a model that is not blessed is refused."""
    inference_result: Output[InferenceResult]

    inference: InferenceConfig
    model_name: str = "model"

    def external_inputs(self, base: Path) -> list[Path]:
        """The files to score."""
        from components.input_files import matched_files, matched_folders

        match = matched_folders if self.inference.format == "image-folder" else matched_files
        return [path for path, _ in match("files", self.inference.files, base)]

    def run(self, context: Context) -> None:
        """Scores.

        Raises:
            ConfigError: inputs or columns do not fit the model.
            DataError: nothing matches, or a file or column is missing or cannot be read.
            TrainworksError: the model is not blessed, or fails.
        """
        if self.blessing is not None and not (self.blessing.uri / "BLESSED").is_file():
            raise TrainworksError(f"Only a blessed model scores, and {self.model.uri} is not.")
        uri = self.inference_result.uri
        inferred = infer(
            self.model.serving, self.inference, context.base, uri, context.beam, model_name=self.model_name
        )
        context.logger.info("Scored %d rows to %s", inferred.rows, uri)
        if inferred.left_out:
            context.logger.warning("%s", left_out(inferred))


def infer(
    serving: Path, config: InferenceConfig, base: Path, out: Path, beam: BeamConfig, *, model_name: str
) -> "Inferred":
    """Scores files into a folder that is there, and empty.

    Args:
        serving: the SavedModel.
        config: what is read, and what is written.
        base: the folder that relative paths start from.
        out: gets `predictions-NNNNN-of-NNNNN`.
        beam: the runner.
        model_name: what PredictionLogs call the model.

    Raises:
        ConfigError, DataError, TrainworksError: as for `BulkInferrer.run`.
    """
    from components.transforms.inference import InferenceJob, infer_units
    from components.transforms.readers import make_reader

    features, takes_pictures = _inputs(serving, config)
    images = _images(config) if takes_pictures else None
    data = config.data(features, images)
    reader = make_reader(data, base)
    sources = list(sources_of(data, base))
    kept = _kept_types(reader, sources, data, config)
    labels = serving / "assets" / "labels.txt"
    job = InferenceJob(
        serving=str(serving),
        model=model_name,
        classes=tuple(labels.read_text(encoding="utf-8").splitlines()) if labels.is_file() else (),
        reader=reader,
        features=features,
        kept=kept,
        pictures=pictures_of(data, _columns(features), base),
        format=config.output_format,
        folder=str(out),
    )
    return infer_units(units_of(reader, sources), job, beam)


def left_out(inferred: "Inferred") -> str:
    """What is said about rows that could not be read."""
    return f"{inferred.left_out} rows could not be read and are left out, such as {', '.join(inferred.origins[:3])}"


def _inputs(serving: Path, config: InferenceConfig) -> tuple[dict[str, str], bool]:
    """Model input to column, in the order of their names, and whether they are pictures."""
    from components.infra.ops import read_meta_graph

    signatures = read_meta_graph(serving).signature_def
    if "serving_default" not in signatures:
        raise ConfigError(f"The model {serving} must have a signature `serving_default`.")
    inputs = signatures["serving_default"].inputs
    for name, info in inputs.items():
        if info.dtype != _STRING or len(info.tensor_shape.dim) != 1:
            raise ConfigError(f"The model's inputs must be texts or pictures, one an example. Received: `{name}`")
    strange = sorted(config.features.keys() - set(inputs))
    if strange:
        raise ConfigError(
            f"`features` must name inputs of the model: {', '.join(sorted(inputs))}. Received: {strange[0]}"
        )
    path = serving / "assets" / INPUTS
    kinds = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    default = {"image-folder": "path"}.get(config.format)
    features = {name: config.features.get(name, default or name) for name in sorted(inputs)}
    clash = sorted({SOURCE, *signatures["serving_default"].outputs} & set(config.keep))
    if clash:
        raise ConfigError(f"`keep` must not name what the model answers, or `{SOURCE}`. Received: {clash[0]}")
    return features, "image" in kinds.values()


def _images(config: InferenceConfig) -> ImagesConfig:
    return config.images or ImagesConfig.model_validate({"from": "bytes" if config.format == "tfrecord" else "path"})


def _columns(features: dict[str, str]) -> "list[Column]":
    """The columns of pictures, in the order in which they are read."""
    from components.transforms.columns import Column

    return [Column(column, "BYTES", "image") for column in features.values()]


def _kept_types(
    reader: "Reader", sources: "list[Source]", data: DataConfig, config: InferenceConfig
) -> dict[str, FeatureType]:
    """Type of each kept column, the widest over all files."""
    from components.transforms.readers import widest

    types: dict[str, set[FeatureType | None]] = {name: set() for name in config.keep}
    for source in sources:
        found = reader.probe(source)
        for name in [*data.features.values(), *config.keep]:
            if name not in found:
                listed = ", ".join(f"`{column}`" for column in list(found)[:20])
                raise DataError(
                    f"`{source.shown}` has no column `{name}`. Columns found: {listed}. Name another by"
                    " `features` (`--feature INPUT=COLUMN`) or `keep`."
                )
        for name in config.keep:
            types[name].add(found[name])
    return {name: widest(kinds) or "BYTES" for name, kinds in types.items()}
