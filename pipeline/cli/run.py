"""`trainworks run`: runs a pipeline file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.run_options import end_with, json_option, place_option, set_option
from pipeline.cli.workspace_option import lineage_option

if TYPE_CHECKING:
    from pipeline.result import RunResult


@click.command("run")
@click.argument("file", type=click.Path(path_type=Path))
@place_option
@lineage_option
@set_option
@click.option("--from", "start", metavar="NODE", help="Start at this step; those before keep their newest results.")
@click.option("--to", "end", metavar="NODE", help="Stop after this step.")
@click.option("--no-cache", is_flag=True, help="Run every step again, changed or not.")
@json_option
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
    from pipeline.schedule import leash

    leash.put_on()

    def run() -> "RunResult":
        from pipeline.assembly import pipeline_from_file
        from pipeline.runner import run_pipeline

        return run_pipeline(
            pipeline_from_file(file, overrides),
            workspace=workspace,
            lineage=lineage,
            start=start,
            end=end,
            use_cache=not no_cache,
            file=str(file.resolve()),
        )

    end_with(run, as_json=as_json)
