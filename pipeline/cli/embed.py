"""`trainworks embed`: vectors of inputs, for TensorBoard's projector."""

from pathlib import Path

import click

from pipeline.cli.inputs import check_files, rows_of
from pipeline.prediction import SavedModel
from pipeline.projector import write_vectors


@click.command(help="Write the vectors that a model makes of inputs.")
@click.argument("model", metavar="MODEL_DIR", type=click.Path(path_type=Path))
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option(
    "--out", metavar="DIR", required=True, type=click.Path(path_type=Path), help="A new folder for the files."
)
def command(model: Path, inputs: tuple[str, ...], out: Path) -> None:
    """An INPUT is as for `trainworks predict`: a text or a picture's file, `@FILE` for a file of one input a line.

    DIR gets vectors.tsv, metadata.tsv and projector_config.pbtxt.
    """
    check_files(inputs)
    loaded = SavedModel(model)
    count = write_vectors(loaded, rows_of(inputs, loaded.inputs), out)
    click.echo(f"{count} vectors in {out}. To look at them: tensorboard --logdir {out}")
