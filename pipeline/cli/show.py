"""`trainworks show`: one run, step by step."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.workspace_option import (
    find_run,
    json_option,
    lineage_option,
    run_log,
    stored_lineage,
    workspace_option,
)

if TYPE_CHECKING:
    from pipeline.lineage.records import RunSummary, StoredExecution


@click.command("show")
@click.argument("run")
@workspace_option
@lineage_option
@json_option
def command(run: str, workspace: Path, lineage: str | None, as_json: bool) -> None:
    """Show a run: its steps, times, outputs, pictures, metrics, verdicts and errors.

    RUN is a run's id, the beginning of one, or `latest`.
    """
    with stored_lineage(workspace, lineage) as store:
        summary = find_run(store, run)
        executions = store.for_run(summary.run_id)
    if as_json:
        click.echo(json.dumps(_described(summary, executions)))
    else:
        _write(summary, executions, workspace)


def _write(run: "RunSummary", executions: "list[StoredExecution]", workspace: Path) -> None:
    from pipeline.cli.measured import tables_of
    from pipeline.cli.told import STATUS, metrics_of, run_seconds, spans_of, started_at, verdict_of
    from pipeline.tables import duration, printable, short, write_table, write_verdict
    from schemas.spans import told

    seconds = run_seconds(run)
    click.echo(f"run       {run.run_id}  {run.status}")
    click.echo(f"pipeline  {run.pipeline}  ({printable(run.file)})")
    took = "" if seconds is None else f", took {duration(seconds)}"
    click.echo(f"started   {started_at(run.started):%Y-%m-%d %H:%M:%S}{took}")
    if spans := spans_of(executions):
        click.echo(f"spans     {told(spans)}")
    if log := run_log(workspace, run.run_id):
        click.echo(f"log       {short(log)}")
    rows = []
    for execution in executions:
        seconds, verdict = run_seconds(execution), verdict_of(execution)
        outputs = "\n".join(f"{name} #{artifact.id}" for name, artifact in execution.outputs.items())
        status = "refused" if verdict is not None and verdict.refused else STATUS[execution.state]
        rows.append((execution.node, status, "" if seconds is None else duration(seconds), outputs))
    write_table(sys.stdout, ("step", "status", ">took", "outputs"), rows)
    for execution in executions:
        for measured in tables_of(execution):
            write_table(sys.stdout, measured.columns, measured.rows, title=measured.title)
        verdict = verdict_of(execution)
        if verdict is not None:
            write_verdict(sys.stdout, execution.node, verdict)
        metrics = metrics_of(execution)
        if metrics:
            table = [(name, f"{value:.4f}") for name, value in metrics.items()]
            write_table(sys.stdout, ("metric", ">value"), table, title=f"{execution.node}: metrics")
        if execution.message:
            click.echo(f"{execution.node} {execution.state}: {printable(execution.message)}")


def _described(run: "RunSummary", executions: "list[StoredExecution]") -> dict[str, object]:
    from pipeline.cli.told import STATUS, described, metrics_of, run_seconds, spans_of, started_at, verdict_of
    from schemas.spans import as_json as listed_spans

    steps = []
    for execution in executions:
        verdict = verdict_of(execution)
        steps.append(
            {
                "name": execution.node,
                "execution": execution.id,
                "status": STATUS[execution.state],
                "seconds": run_seconds(execution),
                "message": execution.message,
                "outputs": {name: described(artifact) for name, artifact in execution.outputs.items()},
                "metrics": metrics_of(execution),
                "verdict": None if verdict is None else {"refused": verdict.refused, **verdict.model_dump(mode="json")},
            }
        )
    return {
        "run_id": run.run_id,
        "pipeline": run.pipeline,
        "file": run.file,
        "status": run.status,
        "started": started_at(run.started).isoformat(timespec="seconds"),
        "seconds": run_seconds(run),
        "spans": listed_spans(spans_of(executions)),
        "components": steps,
    }
