"""`trainworks board`: TensorBoard on a pipeline's runs."""

from pathlib import Path

import click

from pipeline.cli.run_options import place_option
from pipeline.cli.stopping import stop_on_signals


@click.command("board")
@click.argument("file", type=click.Path(path_type=Path))
@place_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port.  [default: the first that is free from 6006 on]")
def command(file: Path, workspace: Path | None, host: str, port: int | None) -> None:
    """Show in TensorBoard what the runs of the pipeline that FILE describes wrote: losses, rates, pictures, graphs.

    Runs that begin later appear by themselves. Ctrl-C ends it. TensorBoard asks nobody who they are: on another address
    than this machine's own, everybody who reaches the port sees the runs.
    """
    from pipeline.board import launch_board
    from pipeline.runner import WORKSPACE
    from schemas.pipeline_file import load

    name = load(file).name
    logs = (workspace or file.resolve().parent / WORKSPACE).resolve() / "tensorboard" / name
    if not logs.is_dir():
        click.echo(f"Nothing to show yet: no run of `{name}` has trained in {logs.parents[1]}.", err=True)
    url = launch_board(logs, host=host, port=port)
    click.echo(f"TensorBoard of `{name}`: {url}")
    stop_on_signals().wait()
