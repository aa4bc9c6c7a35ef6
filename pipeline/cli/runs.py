"""`trainworks runs`: the newest runs of a workspace."""

import json
import sys
from pathlib import Path

import click

from pipeline.cli.workspace_option import json_option, lineage_option, stored_lineage, workspace_option


@click.command("runs")
@workspace_option
@lineage_option
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many runs to list.")
@json_option
def command(workspace: Path, lineage: str | None, limit: int, as_json: bool) -> None:
    """List the newest runs, newest first."""
    from pipeline.cli.told import run_seconds, started_at
    from pipeline.tables import duration, write_table
    from schemas.spans import as_json as listed_spans

    with stored_lineage(workspace, lineage) as store:
        runs = store.runs(limit)
        spans = store.spans([run.run_id for run in runs])
    if as_json:
        listed = [
            {
                "run_id": run.run_id,
                "pipeline": run.pipeline,
                "file": run.file,
                "status": run.status,
                "started": started_at(run.started).isoformat(timespec="seconds"),
                "seconds": run_seconds(run),
                "spans": listed_spans(spans.get(run.run_id, ())),
            }
            for run in runs
        ]
        click.echo(json.dumps({"runs": listed}))
        return
    rows = []
    for run in runs:
        seconds = run_seconds(run)
        started = f"{started_at(run.started):%Y-%m-%d %H:%M:%S}"
        newest = [spans[run.run_id][-1].name if run.run_id in spans else ""] if spans else []
        took = "" if seconds is None else duration(seconds)
        rows.append((run.run_id, run.pipeline, run.status, started, took, *newest))
    columns = ("run", "pipeline", "status", "started", ">took", *(["span"] if spans else []))
    write_table(sys.stdout, columns, rows)
