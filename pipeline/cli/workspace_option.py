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
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")


@contextmanager
def stored_lineage(workspace: Path) -> "Iterator[Lineage]":
    """The lineage of a workspace, which must have one: reading makes none.

    Raises:
        ConfigError: nothing has run in this workspace.
    """
    from pipeline.lineage.store import Lineage
    from pipeline.workspace import Workspace

    if not workspace.is_dir() or not Workspace(workspace).database.is_file():
        raise ConfigError(
            f"`--workspace` must be a folder in which a pipeline has run. Received: {workspace}. Stand beside the"
            " pipeline file, or say `--workspace DIR`."
        )
    with closing(Lineage(Workspace(workspace).database)) as lineage:
        yield lineage


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
