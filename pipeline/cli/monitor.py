"""`trainworks monitor`: holds what a served model is asked and answers against what it learned."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.workspace_option import lineage_option
from pipeline.cli.written_file import write_target
from schemas.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.monitoring.outcome import Outcome
    from schemas.config import PipelineConfig


@click.command("monitor")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--logs", metavar="GLOB", multiple=True, help="Request logs.  [default: `monitoring.logs` of FILE]")
@click.option("--window", metavar="PERIOD", help="How far back, as in 24h.  [default: `monitoring.window` of FILE]")
@click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of artifacts, lineage and logs.  [default: .trainworks beside FILE]",
)
@lineage_option
@click.option("--set", "overrides", metavar="K=V", multiple=True, help="Override a field of FILE.")
@click.option(
    "--metrics_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write metrics for Prometheus' node_exporter, as in /var/lib/node_exporter/trainworks.prom.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object as the last line of standard output.")
def command(
    *,
    file: Path,
    logs: tuple[str, ...],
    window: str | None,
    workspace: Path | None,
    lineage: str | None,
    overrides: tuple[str, ...],
    metrics_file: Path | None,
    as_json: bool,
) -> None:
    """Hold what a served model is asked and answers against its training data, its evaluation and delayed labels.

    Reads what `trainworks serve --request_log` writes. Exit codes: 0 done, 1 it failed, 2 the command or FILE is wrong,
    3 a rule says no.
    """
    from pipeline.assembly import assemble
    from pipeline.monitoring.metrics import metrics_text, write_scalars
    from pipeline.monitoring.monitor import Monitor
    from pipeline.result import REFUSED
    from pipeline.schedule import leash
    from schemas.pipeline_file import load

    leash.put_on()
    config, base = _monitored(load(file, overrides), file, logs, window), file.resolve().parent
    assemble(config, base)  # for what it finds wrong in the file
    monitor = Monitor.of(config, base, workspace, file)
    outcome = monitor.look(lineage)
    if metrics_file is not None:
        write_target(metrics_text(outcome), metrics_file, "--metrics_file")
    write_scalars(outcome, monitor.workspace.tensorboard(config.name, "monitor", "versions"))
    _tell(outcome)
    if as_json:
        click.echo(outcome.json())
    sys.exit(REFUSED if outcome.verdict.refused else 0)


def _monitored(config: "PipelineConfig", file: Path, logs: tuple[str, ...], window: str | None) -> "PipelineConfig":
    """The pipeline file with what options say in its section `monitoring`."""
    from pydantic import ValidationError

    from schemas.config import MonitoringConfig

    if config.monitoring is None and not logs:
        raise ConfigError(
            f"{file}: `monitoring.logs` must name the logs to look at; `--logs GLOB` does, too. Received: no section"
            " `monitoring`"
        )
    given = config.monitoring.model_dump(exclude_unset=True) if config.monitoring else {}
    # Relative to where the command is given, as the shell's own globs are.
    told = {"logs": tuple(str(Path.cwd() / glob) for glob in logs) or None, "window": window}
    try:
        monitoring = MonitoringConfig.model_validate({**given, **{k: v for k, v in told.items() if v is not None}})
    except ValidationError as error:
        raise ConfigError(f"`--window`: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error
    return config.model_copy(update={"monitoring": monitoring})


def _tell(outcome: "Outcome") -> None:
    """Tables for people, on standard error."""
    from pipeline.monitoring.outcome import shown_day, shown_time
    from pipeline.tables import write_table, write_verdict

    err = sys.stderr
    asked = ", ".join(f"{rows:,} of version {version}" for version, rows in outcome.requests.items()) or "none"
    click.echo(
        f"{outcome.pipeline}: requests {shown_time(outcome.since)} to {shown_time(outcome.until)}: {asked}", err=True
    )
    for note in outcome.notes:
        click.echo(f"note: {note}", err=True)
    if outcome.days:
        rows = [
            (
                shown_day(d.day),
                str(d.version),
                f"{d.answers:,}",
                f"{d.labelled:,}",
                f"{d.right:,}",
                _accuracy(d.right, d.labelled),
            )
            for d in outcome.days
        ]
        columns = ("day (UTC)", ">version", ">answers", ">labelled", ">right", "accuracy")
        write_table(err, columns, rows, title="live accuracy")
    write_verdict(err, "monitor", outcome.verdict)
    if outcome.request is not None:
        click.echo(f"asked for a run of {outcome.pipeline} (request {outcome.request})", err=True)


def _accuracy(right: int, labelled: int) -> str:
    from components.validation.served import told_accuracy

    return told_accuracy(right, labelled) if labelled else "-"
