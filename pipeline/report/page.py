"""The page of a run: one HTML file that needs nothing else, and runs nothing."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.cli.told import run_seconds, spans_of, started_at
from pipeline.lineage.records import RunSummary, StoredExecution
from pipeline.report.data import measured
from pipeline.report.evaluation import evaluated
from pipeline.report.steps import step_lines
from pipeline.tables import duration
from pipeline.templating import templates
from schemas.spans import told


def report(run: RunSummary, executions: Sequence[StoredExecution], *, log: Path | None = None) -> str:
    """The page of a run and its executions, whatever it came to; what is no longer on disk is left out.

    Args:
        log: the run's log file, where it is known.
    """
    environment = templates("pages", html=True)
    environment.filters["duration"] = duration
    newest = {execution.node: execution for execution in executions}.values()
    seconds = run_seconds(run)
    return environment.get_template("report.html").render(
        run=run,
        started=started_at(run.started),
        spans=told(spans_of(executions)),
        log=log,
        took="" if seconds is None else duration(seconds),
        steps=step_lines(executions),
        evaluations=list(filter(None, map(evaluated, newest))),
        data=list(filter(None, map(measured, newest))),
    )
