"""`trainworks rollback`: the last good version serves again."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.run_options import place_option
from pipeline.cli.workspace_option import json_option, lineage_option, stored_lineage
from schemas.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.release.rollback import RolledBackTo


@click.command("rollback")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--to", "to", type=click.IntRange(min=0), metavar="V", help="The version to go back to.")
@click.option("--forgive", type=click.IntRange(min=0), metavar="V", help="Let the model of version V come back.")
@click.option("--reason", default="by hand", show_default=True, help="Why; lineage and messages say so.")
@place_option
@lineage_option
@json_option
def command(
    file: Path,
    *,
    to: int | None,
    forgive: int | None,
    reason: str,
    workspace: Path | None,
    lineage: str | None,
    as_json: bool,
) -> None:
    """Have the last good version of what FILE pushes served again, in one step: its files become the newest version.

    The model that served, and those between, are never champion and never pushed again, unless `--forgive` says so.
    `--to` names the version to go back to. Does not wait for a run: one that is under way pushes its model when it is
    done. Exit codes: 0 done, 1 a version is damaged or cannot be copied, 2 there is nothing to roll back to.
    """
    from pipeline.release.rollback import Rollback
    from pipeline.release.served import ServedModel
    from pipeline.workspace import Workspace

    if to is not None and forgive is not None:
        raise ConfigError("`--to` and `--forgive` are two commands: first forgive, then roll back to that version.")
    served = ServedModel.of(file)
    place = workspace or served.base / ".trainworks"
    with stored_lineage(place, lineage) as store:
        rollback = Rollback(served, Workspace(place), store)
        if forgive is not None:
            _tell_forgiven(rollback.forgive(forgive, reason), forgive, served.name, as_json)
            return
        _tell(rollback.to(to, reason), served.name, file, as_json)
        for run in store.runs(2, pipeline=served.name):
            if run.status == "running":
                click.echo(f"note: run {run.run_id} is under way, and pushes its model when it is done.", err=True)


def _tell_forgiven(run_id: str, version: int, model: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"run_id": run_id, "status": "forgiven", "model": model, "version": version}))
        return
    click.echo(f"{model}: the model of version {version} may be champion and be pushed again. What is served stays.")


def _tell(done: "RolledBackTo", model: str, file: Path, as_json: bool) -> None:
    from pipeline.tables import short

    if as_json:
        told = {
            "run_id": done.run_id,
            "status": "finished" if done.finished else "rolled back",
            "model": model,
            "from_version": done.from_version,
            "to_version": done.to_version,
            "pushed_version": done.serving,
            "pushed_path": str(done.path),
            "taken_back": list(done.taken_back),
        }
        click.echo(json.dumps(told))
        return
    if done.finished:
        click.echo("A rollback that was interrupted has been finished; nothing else was done.")
    anew = done.serving != done.to_version
    serves = f"The model of version {done.to_version} serves again, as version {done.serving}"
    click.echo(
        f"{model}: version {done.from_version} was rolled back."
        f" {serves if anew else f'Version {done.serving} is stable'}: {short(done.path)}"
    )
    for version in done.taken_back:
        click.echo(
            f"The model of version {version} is never champion nor pushed again, until"
            f" `trainworks rollback {shlex.quote(str(file))} --forgive {version}`."
        )
