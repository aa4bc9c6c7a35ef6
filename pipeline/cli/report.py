"""`trainworks report`: one run as a page."""

from pathlib import Path

import click

from pipeline.cli.workspace_option import find_run, lineage_option, run_log, stored_lineage, workspace_option


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
    from schemas.errors import ConfigError
    from schemas.files import write_atomically

    if out is not None and not out.resolve().parent.is_dir():
        raise ConfigError(f"`--out` must be a file in a folder that is there. Received: {out}")
    with stored_lineage(workspace, lineage) as store:
        summary = find_run(store, run)
        executions = store.for_run(summary.run_id)
    path = out or Path(f"report-{summary.run_id}.html")
    text = report(summary, executions, log=run_log(workspace, summary.run_id))
    write_atomically(text.encode("utf-8", "backslashreplace"), path)
    click.echo(short(path.resolve()))
