"""`trainworks infer`: files of new examples, scored."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import click

from schemas.config.inference import InputFormat, OutputFormat
from schemas.errors import ConfigError

_SUFFIXES: Mapping[str, InputFormat] = {
    ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".tfrecord": "tfrecord",
}  # fmt: skip


@click.command(help="Score files of new examples with a model.")
@click.argument("model", metavar="MODEL_DIR", type=click.Path(path_type=Path))
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--out", metavar="DIR", required=True, type=click.Path(path_type=Path), help="A new folder.")
@click.option("--format", "format_", type=click.Choice(get_args(InputFormat)), help="Of the files.  [default: by name]")
@click.option("--feature", "features", metavar="INPUT=COLUMN", multiple=True, help="The column of a model's input.")
@click.option("--keep", metavar="COLUMN,...", default="", help="Columns that go along, such as a key.")
@click.option("--output-format", type=click.Choice(get_args(OutputFormat)), default="parquet", show_default=True)
@click.option("--delimiter", default=",", show_default=True, help="Between the fields of csv.")
@click.option("--images", type=click.Choice(["path", "bytes"]), help="What a column of pictures holds.")
@click.option("--images-root", help="The folder that paths of pictures start from.  [default: that of their file]")
def command(model: Path, files: tuple[str, ...], out: Path, **given: Any) -> None:
    """FILE is a file, a glob, or a folder of pictures with a folder a class. DIR gets predictions-NNNNN-of-NNNNN."""
    from components.bulk_inferrer import infer, left_out
    from pipeline.logs import silenced
    from pipeline.new_folder import new_folder
    from pipeline.prediction import model_folder
    from schemas.config import BeamConfig
    from schemas.manifest import verify

    config = _config(files, given)
    folder = model_folder(model)
    name = folder.parent.name if folder.name.isdecimal() else folder.name
    with new_folder(out) as temporary, silenced():
        verify(folder)
        inferred = infer(folder, config, Path.cwd(), temporary, BeamConfig(), model_name=name)
    if inferred.left_out:
        click.echo(f"warning: {left_out(inferred)}", err=True)
    click.echo(f"{inferred.rows} rows scored: {out}")


def _config(files: tuple[str, ...], given: dict[str, Any]) -> Any:
    from pydantic import ValidationError

    from schemas.config import ImagesConfig, InferenceConfig

    images = {"from": given["images"], "root": given["images_root"]}
    told = {key: value for key, value in images.items() if value is not None}
    try:
        return InferenceConfig(
            format=given["format_"] or _format(files[0]),
            files=files,
            features=dict(_pair(text) for text in given["features"]),
            keep=tuple(name for name in given["keep"].split(",") if name),
            images=ImagesConfig.model_validate(told) if told else None,
            delimiter=given["delimiter"],
            output_format=given["output_format"],
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"`--{first['loc'][0]}`: {first['msg']}. Received: {first['input']!r}") from error


def _pair(text: str) -> tuple[str, str]:
    name, equals, column = text.partition("=")
    if not equals:
        raise ConfigError(f"`--feature` must be INPUT=COLUMN. Received: {text}")
    return name, column


def _format(file: str) -> InputFormat:
    if Path(file).is_dir():
        return "image-folder"
    suffix = Path(file.removesuffix(".gz")).suffix
    if suffix not in _SUFFIXES:
        raise ConfigError(f"`--format` must say what {file} is: {', '.join(get_args(InputFormat))}.")
    return _SUFFIXES[suffix]
