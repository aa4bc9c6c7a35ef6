"""Beginning and ending executions and runs, and the artifacts they make. All of it needs a write transaction."""

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, update

from pipeline.lineage import links, properties, tables
from pipeline.lineage.reading import LIVE, State
from pipeline.lineage.records import RunStatus
from pipeline.lineage.rows import add_node, now
from pipeline.lineage.types import NODE, PIPELINE, PIPELINE_RUN, Kind, Type, TypeIds, type_id
from schemas.artifacts import Artifact
from schemas.errors import TrainworksError


@dataclass(frozen=True)
class Place:
    """Where an execution belongs: its contexts."""

    pipeline: str
    run_id: str
    node: str

    def contexts(self, connection: Connection, types: TypeIds) -> list[int]:
        names = ((PIPELINE, self.pipeline), (PIPELINE_RUN, self.run_id), (NODE, f"{self.pipeline}.{self.node}"))
        return [links.context(connection, types, type_name, name) for type_name, name in names]


def add_execution(
    connection: Connection, types: TypeIds, place: Place, component: str, *, state: State
) -> tuple[int, list[int]]:
    """A new execution's id, and the ids of its contexts."""
    of_type = type_id(connection, types, Type(Kind.EXECUTION, component))
    execution_id = add_node(connection, tables.execution, type_id=of_type, last_known_state=int(state))
    contexts = place.contexts(connection, types)
    links.associate(connection, contexts, execution_id)
    return execution_id, contexts


def end_execution(connection: Connection, execution_id: int, state: State, message: str = "") -> None:
    """Ends an execution, also one that another process took for abandoned meanwhile.

    Raises:
        TrainworksError: it has its outputs already, or there is none of this id.
    """
    columns, said = tables.execution.c, tables.execution_property.c
    ended = connection.execute(
        update(tables.execution)
        .where(columns.id == execution_id, columns.last_known_state.not_in([int(State.COMPLETE), int(State.CACHED)]))
        .values(last_known_state=int(state), last_update_time_since_epoch=now())
    )
    if ended.rowcount != 1:
        raise TrainworksError(f"Execution {execution_id} must be running to end as {state.name.lower()}. It is not.")
    connection.execute(
        delete(tables.execution_property).where(said.execution_id == execution_id, said.name == properties.MESSAGE)
    )
    if message:
        storable = message.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
        properties.write(connection, properties.EXECUTION, execution_id, {properties.MESSAGE: storable})


def add_artifact(connection: Connection, types: TypeIds, artifact: Artifact, digest: str) -> int:
    """A new live artifact's id; its uri is stored absolute."""
    type_name = artifact.type_name()
    of_type = type_id(connection, types, Type(Kind.ARTIFACT, type_name))
    artifact_id = add_node(connection, tables.artifact, type_id=of_type, uri=absolute(artifact.uri), state=LIVE)
    declared = properties.declared(type_name, artifact.properties)
    said = {**artifact.properties, properties.DIGEST: digest}
    properties.write(connection, properties.ARTIFACT, artifact_id, said, declared)
    return artifact_id


def end_run(connection: Connection, context_id: int, status: RunStatus) -> None:
    """Ends a run, given the id of its context."""
    properties.write(connection, properties.CONTEXT, context_id, {properties.STATUS: status})
    columns = tables.context.c
    connection.execute(
        update(tables.context).where(columns.id == context_id).values(last_update_time_since_epoch=now())
    )


def absolute(path: str | Path) -> str:
    """As uris are stored: absolute, without `..`; symbolic links stay."""
    return os.path.abspath(path)  # noqa: PTH100 (Path.absolute keeps `..`)
