"""What `runs`, `show` and `lineage` share: the workspace they read, and references to runs."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from schemas.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.lineage.records import RunSummary
    from pipeline.lineage.store import Lineage

_NEWEST: Final = 10_000
"""Runs among which a prefix is looked up."""

workspace_option = click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".trainworks"),
    show_default=True,
    help="Folder of artifacts, lineage and logs.",
)
lineage_option = click.option(
    "--lineage",
    metavar="URL",
    envvar="TRAINWORKS_LINEAGE",
    show_envvar=True,
    help="Database of the lineage, such as postgresql+psycopg://user@host/name.  [default: one in the workspace]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")


@contextmanager
def stored_lineage(workspace: Path, url: str | None = None) -> "Iterator[Lineage]":
    """The lineage of a workspace or of a URL, which must be there: reading makes none.

    Raises:
        ConfigError: nothing has run in this workspace, or its lineage is elsewhere.
    """
    from pipeline.lineage.database import is_absent, whereabouts
    from pipeline.lineage.store import Lineage

    if url and is_absent(url):
        raise ConfigError(f"`--lineage` must be a database that runs have written to. Received: {whereabouts(url)}")
    with closing(Lineage(url or _database(workspace))) as lineage:
        yield lineage


def _database(workspace: Path) -> Path:
    from pipeline.workspace import Workspace

    place = Workspace(workspace) if workspace.is_dir() else None
    if place and place.lineage_elsewhere:
        raise ConfigError(
            f"`--lineage` must be given: the lineage of {workspace} is in {place.lineage_elsewhere}. The environment"
            " variable TRAINWORKS_LINEAGE does, too."
        )
    if place is None or not place.database.is_file():
        raise ConfigError(
            f"`--workspace` must be a folder in which a pipeline has run. Received: {workspace}. Stand beside the"
            " pipeline file, or say `--workspace DIR`."
        )
    return place.database


def run_log(workspace: Path, run_id: str) -> Path | None:
    """The log file of a run; None where it is not in this workspace."""
    from pipeline.workspace import Workspace

    log = Workspace(workspace).log(run_id) if workspace.is_dir() else None
    return log if log is not None and log.is_file() else None


def find_run(lineage: "Lineage", reference: str) -> "RunSummary":
    """The run of an id, of a prefix that only one run has, or the newest for `latest`.

    Raises:
        ConfigError: there is none, or more than one.
    """
    runs = lineage.runs(1 if reference == "latest" else _NEWEST)
    found = runs if reference == "latest" else [run for run in runs if run.run_id.startswith(reference)]
    exact = [run for run in found if run.run_id == reference]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        raise ConfigError(
            f"`RUN` must be a run's id, the beginning of one, or `latest`; `trainworks runs` lists them. Received:"
            f" {reference}"
        )
    several = ", ".join(run.run_id for run in found[:5])
    raise ConfigError(f"`RUN` must be the beginning of one run's id only. Received: {reference}, which fits {several}")
