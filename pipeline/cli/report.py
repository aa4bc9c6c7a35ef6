"""`trainworks report`: one run as a page."""

from pathlib import Path

import click

from pipeline.cli.workspace_option import find_run, lineage_option, run_log, stored_lineage, workspace_option
from pipeline.cli.written_file import check_target, write_target


@click.command("report")
@click.argument("run")
@workspace_option
@lineage_option
@click.option(
    "--out",
    metavar="PATH",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write.  [default: report-RUN.html in this folder]",
)
def command(run: str, workspace: Path, lineage: str | None, out: Path | None) -> None:
    """Write a run as one HTML page: steps, gates, metrics, confusions, slices, data, lineage, and what stopped it.

    RUN is a run's id, the beginning of one, or `latest`. The page needs no other file and no network, and runs nothing.
    """
    from pipeline.report.page import report
    from pipeline.tables import short

    if out is not None:
        check_target(out, "--out")
    with stored_lineage(workspace, lineage) as store:
        summary = find_run(store, run)
        executions = store.for_run(summary.run_id)
    path = out or Path(f"report-{summary.run_id}.html")
    text = report(summary, executions, log=run_log(workspace, summary.run_id))
    write_target(text, path, "--out")
    click.echo(short(path.resolve()))
