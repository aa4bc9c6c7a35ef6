"""The last lines of a run: the numbers, the decision, where the model is, and what to do next."""

import shlex
from pathlib import Path

from pipeline.progress import Terminal
from pipeline.result import RunResult
from pipeline.tables import short
from schemas.artifacts import Model
from schemas.spans import told

_METRICS = 3
"""Metrics that are shown here; `trainworks show` has all of them."""


def write_summary(terminal: Terminal, result: RunResult) -> None:
    terminal.line()
    if result.spans:
        terminal.line(f"spans     {told(result.spans)}")
    metrics = list(result.metrics.items())
    if metrics:
        shown = "  ".join(f"{name} {value:.4f}" for name, value in metrics[:_METRICS])
        terminal.line(f"metrics   {shown}{'  ...' if len(metrics) > _METRICS else ''}")
    if result.blessed is not None:
        terminal.line(f"blessed   {'yes' if result.blessed else 'no'}")
    if result.pushed_path is not None:
        terminal.line(f"pushed    version {result.pushed_version}: {short(result.pushed_path)}")
    terminal.line(_outcome(result))


def _outcome(result: RunResult) -> str:
    show = show_command(result.run_id, result.log.parent.parent)
    if result.status == "failed":
        return f"Failed. More: {show}"
    if result.status == "canceled":
        return "Canceled. Finished steps stay; the next run carries on from there."
    if result.refused_by is not None:
        return f"Refused by {result.refused_by.name}; nothing after it was run. Again: {show}"
    unchanged = all(step.status in ("cached", "skipped") for step in result.components)
    return f"{'Nothing changed' if unchanged else 'Done'}. Next: {_next(result) or show}"


def show_command(run_id: str, workspace: Path) -> str:
    """What shows a run again, typed here."""
    folder = short(workspace)
    return f"trainworks show {run_id}{'' if folder == '.trainworks' else f' --workspace {shlex.quote(folder)}'}"


def _next(result: RunResult) -> str:
    """The command that tries the model; empty when there is none."""
    models = [a for step in result.components for a in step.outputs.values() if isinstance(a, Model)]
    folder = result.pushed_path or (models[-1].serving if models else None)
    return f"trainworks predict {shlex.quote(short(folder))} INPUT" if folder else ""
