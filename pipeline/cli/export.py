"""`trainworks export`: files that run the same pipeline elsewhere."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pipeline.cli.run_options import set_option
from pipeline.cli.written_file import check_target, write_target

if TYPE_CHECKING:
    from pipeline.export.container import Container
    from pipeline.export.starts import Starts
    from schemas.config import PipelineConfig

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

_file = click.argument("file", type=click.Path(path_type=Path))
_out = click.option(
    "--out",
    metavar="PATH",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write this file rather than standard output.",
)
_program = click.option(
    "--program", metavar="PATH", help="The trainworks that is called.  [default: that of this installation]"
)
_workspace = click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of artifacts, lineage and logs.  [default: .trainworks beside FILE]",
)


@click.group("export")
def command() -> None:
    """Write a file with which an orchestrator runs the pipeline that FILE describes.

    Write it again when the steps, their retries or the schedule in FILE change; all else is read when a step runs. A
    lineage in a database elsewhere is not written down, since its URL may hold a password: have TRAINWORKS_LINEAGE in
    the environment of the processes.
    """


@command.command("airflow", short_help="A DAG for Airflow 3.")
@_file
@_program
@_workspace
@set_option
@_out
def airflow(
    *, file: Path, program: str | None, workspace: Path | None, overrides: tuple[str, ...], out: Path | None
) -> None:
    """Write a DAG for Airflow 3: a task a step, with the retries, limits and schedule of FILE.

    Put it into Airflow's folder of DAGs. Workers need FILE, the workspace and trainworks under the paths that they have
    here. Airflow may have another Python environment: the DAG only calls the command line.
    """
    from pipeline.assembly import pipeline_from_file
    from pipeline.export.airflow import dag
    from pipeline.export.command import Command, installed_program
    from schemas.pipeline_file import load

    where = str(workspace.resolve()) if workspace else None
    calls = Command(program or installed_program(), str(file.resolve()), where, overrides)
    pipeline = pipeline_from_file(file, overrides)
    _write(dag(pipeline, _starts(load(file, overrides)), calls), out)


def _container(function: CommandT) -> CommandT:
    """The options of what runs in containers."""
    options = (
        click.option("--image", required=True, help="Container image with trainworks on its path."),
        click.option(
            "--mount", default="/project", show_default=True, help="The folder of FILE, as the container sees it."
        ),
        click.option("--claim", metavar="NAME", help="Persistent volume claim to mount there."),
        click.option("--workspace", help="Folder of artifacts, from there.  [default: .trainworks]"),
        click.option(
            "--lineage-secret", metavar="NAME", help="Kubernetes secret with the key TRAINWORKS_LINEAGE, a database."
        ),
        click.option("--cpu", default="1", show_default=True, help="What a container asks for, as Kubernetes has it."),
        click.option("--memory", default="4Gi", show_default=True, help="What it asks for and may have at most."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@command.command("kubeflow", short_help="A pipeline for Kubeflow Pipelines 2.")
@_file
@_container
@set_option
@_out
def kubeflow(*, file: Path, overrides: tuple[str, ...], out: Path | None, **container: Any) -> None:
    """Write a pipeline for Kubeflow Pipelines 2 (IR YAML): a container a step.

    The steps share the folder of FILE, the workspace in it and the lineage. SQLite does not go over a network: where
    pods run on several nodes, name a database by --lineage-secret. Kubeflow keeps the schedule, as a recurring run.
    """
    from pipeline.assembly import pipeline_from_file
    from pipeline.export.kubeflow import workflow

    described = _described(container)
    pipeline = pipeline_from_file(file, overrides)
    _write(workflow(pipeline, described, described.command(file, overrides)), out)


@command.command("cronjob", short_help="A CronJob for Kubernetes.")
@_file
@_container
@set_option
@_out
def cronjob(*, file: Path, overrides: tuple[str, ...], out: Path | None, **container: Any) -> None:
    """Write a Kubernetes CronJob that runs the whole pipeline in a pod, at the times of the schedule in FILE."""
    from pipeline.assembly import pipeline_from_file
    from pipeline.export.cronjob import cronjob
    from schemas.pipeline_file import load

    described = _described(container)
    pipeline_from_file(file, overrides)
    config = load(file, overrides)
    replace = config.schedule is not None and config.schedule.overlap == "cancel-previous"
    calls = described.command(file, overrides)
    _write(cronjob(config.name, _starts(config), described, calls, replace=replace), out)


@command.command("systemd", short_help="A unit of the retraining daemon for systemd.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--user", metavar="NAME", help="Who runs the daemon.  [default: root]")
@_program
@_workspace
@_out
def systemd(
    *, files: tuple[Path, ...], user: str | None, program: str | None, workspace: Path | None, out: Path | None
) -> None:
    """Write a systemd unit of the daemon `trainworks schedule FILE...`, which may write where its pipelines do only."""
    from pipeline.assembly import pipeline_from_file
    from pipeline.export.command import installed_program
    from pipeline.export.systemd import Daemon, unit, written
    from schemas.pipeline_file import load

    for file in files:
        pipeline_from_file(file)
    daemon = Daemon(program or installed_program(), [(file, load(file)) for file in files], workspace, user)
    _write(unit(daemon), out)
    for folder in written(daemon):
        if not Path(folder).is_dir():
            click.echo(f"warning: {folder} must be there when the unit is started, or systemd refuses it", err=True)


def _starts(config: "PipelineConfig") -> "Starts":
    """When the pipeline starts; what is left out of that is said."""
    from pipeline.export.starts import starts_of

    starts = starts_of(config)
    for name in starts.left_out:
        click.echo(
            f"warning: `schedule.{name}` starts nothing there: only `trainworks schedule` looks for it", err=True
        )
    return starts


def _described(container: dict[str, Any]) -> "Container":
    from pipeline.export.container import Container

    return Container(**container)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        click.echo(text, nl=False)
        return
    check_target(out, "--out")
    write_target(text, out, "--out")
    click.echo(f"written: {out}", err=True)
