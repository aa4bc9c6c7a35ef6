"""`trainworks run`: runs a pipeline file."""

import os
import sys
from pathlib import Path

import click

from pipeline.cli.workspace_option import lineage_option


@click.command("run")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of artifacts, lineage and logs.  [default: .trainworks beside FILE]",
)
@lineage_option
@click.option("--set", "overrides", metavar="K=V", multiple=True, help="Override a field, as in training.epochs=1.")
@click.option("--from", "start", metavar="NODE", help="Start at this step; those before keep their newest results.")
@click.option("--to", "end", metavar="NODE", help="Stop after this step.")
@click.option("--no-cache", is_flag=True, help="Run every step again, changed or not.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line of standard output.")
def command(
    *,
    file: Path,
    workspace: Path | None,
    lineage: str | None,
    overrides: tuple[str, ...],
    start: str | None,
    end: str | None,
    no_cache: bool,
    as_json: bool,
) -> None:
    """Run the pipeline that FILE describes; steps whose inputs did not change are taken from cache.

    Progress goes to standard error. Exit codes: 0 done, 1 a step failed, 2 the command or FILE is wrong, 3 a gate said
    no (the table says which rule), 130 after Ctrl-C.
    """
    from pipeline.assembly import pipeline_from_file
    from pipeline.cancellation import Interrupted
    from pipeline.result import no_run
    from pipeline.runner import run_pipeline

    try:
        result = run_pipeline(
            pipeline_from_file(file, overrides),
            workspace=workspace,
            lineage=lineage,
            start=start,
            end=end,
            use_cache=not no_cache,
            file=str(file.resolve()),
        )
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
