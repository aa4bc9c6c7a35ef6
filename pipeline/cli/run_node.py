"""`trainworks run-node`: one step of a pipeline, as an orchestrator calls it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.run_options import end_with, json_option, place_option, set_option
from pipeline.cli.workspace_option import lineage_option

if TYPE_CHECKING:
    from pipeline.result import RunResult


@click.command("run-node")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("node")
@click.option("--run-id", metavar="ID", required=True, help="The orchestrator's name of the run, for all its steps.")
@place_option
@lineage_option
@set_option
@click.option("--no-cache", is_flag=True, help="Run the step again, changed or not.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long to wait while another process runs this pipeline in the workspace.  [default: an hour]",
)
@json_option
def command(
    *,
    file: Path,
    node: str,
    run_id: str,
    workspace: Path | None,
    lineage: str | None,
    overrides: tuple[str, ...],
    no_cache: bool,
    wait: float | None,
    as_json: bool,
) -> None:
    """Run the step NODE of the pipeline that FILE describes, in the run of this id.

    It reads what the steps before it made in the same run, so that every step of a run needs the same --run-id,
    workspace and lineage. A step may be tried again. Steps of one pipeline go one at a time in a workspace.

    Exit codes as of `trainworks run`; a gate that says no is not worth another try, nor is a wrong file: 3 and 2.
    """

    def run() -> "RunResult":
        from pipeline.assembly import pipeline_from_file
        from pipeline.node_run import WAIT_SECONDS, run_node

        return run_node(
            pipeline_from_file(file, overrides),
            node,
            run_id=run_id,
            workspace=workspace,
            lineage=lineage,
            use_cache=not no_cache,
            wait=WAIT_SECONDS if wait is None else wait,
            file=str(file.resolve()),
        )

    end_with(run, as_json=as_json)
