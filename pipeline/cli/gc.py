"""`trainworks gc`: what of a workspace and of pushed versions may go."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.workspace_option import json_option, lineage_option, stored_lineage

if TYPE_CHECKING:
    from pipeline.cleanup.plan import Item


@click.command("gc")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of artifacts, lineage and logs.  [default: .trainworks, beside FILE if that is given]",
)
@lineage_option
@click.option("--keep-runs", type=click.IntRange(min=1), default=10, show_default=True, help="Newest runs that stay.")
@click.option(
    "--keep-versions",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Newest pushed versions that stay.",
)
@click.option(
    "--older-than", default="30d", show_default=True, help="Younger things stay: 45s, 90m, 12h, 30d; 0 for none."
)
@click.option("--delete", is_flag=True, help="Delete it; without, nothing is touched.")
@json_option
def command(
    file: Path | None,
    *,
    workspace: Path | None,
    lineage: str | None,
    keep_runs: int,
    keep_versions: int,
    older_than: str,
    delete: bool,
    as_json: bool,
) -> None:
    """Show what nothing needs any more, of the pipeline in FILE or of all in a workspace; with --delete, delete it.

    Never goes: the version that serves and the one that a rollback goes back to, the latest blessed model, what a run
    under way or the newest runs hold, and what is younger than the limit. A pipeline that is running is left alone.
    """
    from pipeline.cleanup.collection import collect
    from pipeline.cleanup.limits import Limits, age_of
    from pipeline.workspace import Workspace
    from schemas.pipeline_file import load

    limits = Limits(keep_runs, keep_versions, age_of(older_than))
    name = load(file).name if file else None
    place = workspace or (file.resolve().parent if file else Path()) / ".trainworks"
    with stored_lineage(place, lineage) as store:
        collected = collect(Workspace(place), store, limits, pipeline=name, delete=delete)
    size = sum(item.size for item in collected.items)
    if as_json:
        items = [_described(item) for item in collected.items]
        busy = list(collected.busy)
        click.echo(json.dumps({"deleted": delete, "bytes": size, "items": items, "busy": busy}))
        return
    for pipeline in collected.busy:
        click.echo(f"note: {pipeline} is running; nothing of it was deleted.", err=True)
    _write(collected.items, size, delete)


def _described(item: "Item") -> dict[str, object]:
    return {
        "kind": item.kind,
        "pipeline": item.pipeline,
        "path": str(item.path),
        "bytes": item.size,
        "why": item.why,
        "artifacts": list(item.artifacts),
    }


def _write(items: "list[Item]", size: int, deleted: bool) -> None:
    from pipeline.tables import data_size, short, write_table

    if not items:
        click.echo("Nothing may go.")
        return
    rows = [(item.kind, short(item.path), data_size(item.size), item.why) for item in items]
    write_table(sys.stdout, ("what", "path", ">size", "why"), rows)
    whole = f"{len(items)} {'thing' if len(items) == 1 else 'things'}, {data_size(size)}"
    click.echo(f"Deleted: {whole}." if deleted else f"May go: {whole}. Nothing was deleted; `--delete` does.")
