"""`trainworks run`: runs a pipeline file."""

from collections.abc import Callable
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
@click.option("--notify", is_flag=True, help="Tell those whom FILE's section `notify` names how the run ended.")
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
    notify: bool,
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

    end_with(_told(run, file, overrides, workspace) if notify else run, as_json=as_json)


def _told(
    run: "Callable[[], RunResult]", file: Path, overrides: tuple[str, ...], workspace: Path | None
) -> "Callable[[], RunResult]":
    """The run, followed by its news."""

    def run_and_tell() -> "RunResult":
        from pipeline.notification.of_a_run import Teller
        from pipeline.runner import WORKSPACE
        from schemas.pipeline_file import load

        teller = Teller(load(file, overrides), file.resolve().parent, workspace or file.resolve().parent / WORKSPACE)
        try:
            result = run()
        except Exception as error:
            teller.tell_no_run(error)
            raise
        teller.tell(result)
        return result

    return run_and_tell
