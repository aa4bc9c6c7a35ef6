"""`trainworks lineage`: what an artifact was made from, up to the raw files, and what was made from it."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.workspace_option import json_option, lineage_option, stored_lineage, workspace_option
from schemas.errors import ConfigError

if TYPE_CHECKING:
    from pipeline.lineage.records import Relative, StoredArtifact, StoredExecution
    from pipeline.lineage.store import Lineage
    from schemas.artifacts import Property


@click.command("lineage")
@click.argument("artifact")
@workspace_option
@lineage_option
@json_option
def command(artifact: str, workspace: Path, lineage: str | None, as_json: bool) -> None:
    """Show what an artifact was made from, up to the raw files, and what was made from it.

    ARTIFACT is the number that `trainworks show` gives, or the path of its folder or of anything in it, such as a
    pushed model's.
    """
    from pipeline.history import raw_files

    with stored_lineage(workspace, lineage) as store:
        found = _find(store, artifact)
        producer = store.producer(found.id)
        ancestors, descendants = store.ancestors(found.id), store.descendants(found.id)
        descendants = [_as_made(store, relative) for relative in descendants]
        makers = [producer, *(store.producer(relative.artifact.id) for relative in ancestors)]
    raw = sorted({path for maker in makers if maker is not None for path in raw_files(maker)})
    if as_json:
        click.echo(json.dumps(_described(found, producer, ancestors, descendants, raw)))
    else:
        _write(found, producer, ancestors, descendants, raw)


def _as_made(lineage: "Lineage", relative: "Relative") -> "Relative":
    """A descendant with the execution that made it, rather than a later one that took it from cache."""
    producer = lineage.producer(relative.artifact.id)
    return relative if producer is None else replace(relative, execution=producer)


def _find(lineage: "Lineage", reference: str) -> "StoredArtifact":
    found = lineage.artifact(reference.removeprefix("#"))
    if found is None and Path(reference).exists():
        found = lineage.artifact(Path(reference).resolve())
    if found is None:
        raise ConfigError(
            "`ARTIFACT` must be an artifact's number, as `trainworks show` gives it, or a path in its folder."
            f" Received: {reference}"
        )
    return found


def _write(
    found: "StoredArtifact",
    producer: "StoredExecution | None",
    ancestors: "Sequence[Relative]",
    descendants: "Sequence[Relative]",
    raw: Sequence[str],
) -> None:
    from pipeline.tables import printable, short, write_table

    click.echo(f"#{found.id} {found.type_name}  {printable(short(found.uri))}")
    if producer is not None:
        click.echo(f"made by {producer.node} in run {producer.run_id}")
    for name, value in _said(found.properties):
        click.echo(f"  {name}: {printable(value)}")
    for title, relatives, tie in (
        ("made from", ancestors, "read by"),
        ("what was made from it", descendants, "made by"),
    ):
        rows = [
            (f"#{r.artifact.id} {r.artifact.type_name}", f"{r.execution.node} as {r.role}", r.execution.run_id)
            for r in relatives
        ]
        if rows:
            write_table(sys.stdout, ("artifact", tie, "run"), rows, title=title)
    if raw:
        click.echo("raw files")
        for path in raw:
            click.echo(f"  {printable(short(Path(path)))}")


def _said(properties: "Mapping[str, Property]") -> Iterator[tuple[str, str]]:
    """Properties as people read them: a thousand spans in ranges."""
    from schemas.spans import PROPERTIES, spans_in, told

    yield from ((name, str(value)) for name, value in properties.items() if name not in PROPERTIES)
    if spans := spans_in(properties):
        yield "spans", told(spans)


def _described(
    found: "StoredArtifact",
    producer: "StoredExecution | None",
    ancestors: "Sequence[Relative]",
    descendants: "Sequence[Relative]",
    raw: Sequence[str],
) -> dict[str, object]:
    from pipeline.cli.told import described

    def related(relatives: "Sequence[Relative]") -> list[dict[str, object]]:
        return [
            {
                **described(r.artifact),
                "step": r.execution.node,
                "run_id": r.execution.run_id,
                "role": r.role,
                "depth": r.depth,
            }
            for r in relatives
        ]

    return {
        **described(found),
        "step": producer.node if producer else None,
        "run_id": producer.run_id if producer else None,
        "made_from": related(ancestors),
        "made_into": related(descendants),
        "raw_files": list(raw),
    }
