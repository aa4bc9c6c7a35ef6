"""Artifacts whose files stand, or may: live ones, and those that are marked because their files are being deleted."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from pipeline.lineage import tables
from pipeline.lineage.reading import LIVE, read_artifacts
from pipeline.lineage.records import StoredArtifact
from pipeline.lineage.rows import now

MARKED, DELETED = 3, 4
"""`Artifact.state` while its files are being deleted, and once they are gone."""

_AT_ONCE = 500


@dataclass(frozen=True)
class StandingArtifact:
    """An artifact with its age.

    Args:
        created: milliseconds since the epoch.
        marked: whether somebody has begun to delete it.
    """

    artifact: StoredArtifact
    created: int
    marked: bool


def standing(connection: Connection, context_id: int) -> list[StandingArtifact]:
    """The artifacts of a pipeline, by the id of its context, oldest first."""
    columns, attribution = tables.artifact.c, tables.attribution.c
    query = (
        select(columns.id, columns.state, columns.create_time_since_epoch)
        .join(tables.attribution, attribution.artifact_id == columns.id)
        .where(attribution.context_id == context_id, columns.state.in_([LIVE, MARKED]))
        .order_by(columns.id)
    )
    rows = [(row[0], row[1], row[2]) for row in connection.execute(query)]
    artifacts = read_artifacts(connection, [row[0] for row in rows])
    return [StandingArtifact(artifacts[id_], created, state == MARKED) for id_, state, created in rows]


def set_state(connection: Connection, artifacts: Iterable[int], state: int) -> None:
    """Sets the state of artifacts. Needs a write transaction."""
    ids = list(artifacts)
    for start in range(0, len(ids), _AT_ONCE):
        some = tables.artifact.c.id.in_(ids[start : start + _AT_ONCE])
        values = {"state": state, "last_update_time_since_epoch": now()}
        connection.execute(update(tables.artifact).where(some).values(values))
