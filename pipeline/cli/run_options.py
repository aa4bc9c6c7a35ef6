"""What `run` and `run-node` share: options, and how they tell what a run came to."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from pipeline.result import RunResult

place_option = click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of artifacts, lineage and logs.  [default: .trainworks beside FILE]",
)
set_option = click.option(
    "--set", "overrides", metavar="K=V", multiple=True, help="Override a field, as in training.epochs=1."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object as the last line of standard output."
)


def end_with(run: "Callable[[], RunResult]", *, as_json: bool) -> NoReturn:
    """Runs, tells standard output where that is asked for, and ends the process with the result's exit code."""
    from pipeline.cancellation import Interrupted
    from pipeline.result import no_run

    try:
        result = run()
    except Exception as error:
        if as_json:
            click.echo(no_run(error))
        raise
    if as_json:
        click.echo(result.json())
    if isinstance(result.error, Interrupted):
        # Threads of Beam and TensorFlow may still be at work on what was stopped; nothing waits for them.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(result.exit_code)
    sys.exit(result.exit_code)
