"""From rows to records: artifacts, executions and runs, many at once in a few queries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import IntEnum
from pathlib import Path
from typing import cast, get_args

from sqlalchemy import BindParameter, Connection, Row, bindparam, select

from pipeline.lineage import properties, tables
from pipeline.lineage.links import EventType
from pipeline.lineage.records import ExecutionState, RunStatus, RunSummary, StoredArtifact, StoredExecution
from pipeline.lineage.types import CONTEXT_TYPES, NODE, PIPELINE, PIPELINE_RUN
from schemas.artifacts import Property

LIVE = 2
"""`Artifact.state` of an artifact that may be used."""


class State(IntEnum):
    """`Execution.last_known_state`."""

    NEW = 1
    RUNNING = 2
    COMPLETE = 3
    FAILED = 4
    CACHED = 5
    CANCELED = 6


_IDS: BindParameter[int] = bindparam("ids", expanding=True)
_TYPE, _ARTIFACT, _EXECUTION = tables.type_.c, tables.artifact.c, tables.execution.c
_EVENT, _PATH, _CONTEXT, _ASSOCIATION = tables.event.c, tables.event_path.c, tables.context.c, tables.association.c

_ARTIFACTS = (
    select(_ARTIFACT.id, _ARTIFACT.uri, _TYPE.name)
    .join(tables.type_, _TYPE.id == _ARTIFACT.type_id)
    .where(_ARTIFACT.id.in_(_IDS))
)
_EXECUTIONS = (
    select(tables.execution, _TYPE.name.label("type_name"))
    .join(tables.type_, _TYPE.id == _EXECUTION.type_id)
    .where(_EXECUTION.id.in_(_IDS))
    .order_by(_EXECUTION.id)
)
_EVENTS = (
    select(_EVENT.execution_id, _EVENT.type, _PATH.step_key, _EVENT.artifact_id)
    .join(tables.event_path, _PATH.event_id == _EVENT.id)
    .where(_EVENT.execution_id.in_(_IDS), _PATH.step_key.is_not(None))
    .order_by(_EVENT.id)
)
_CONTEXTS = (
    select(_ASSOCIATION.execution_id, _TYPE.name, _CONTEXT.name)
    .join(tables.context, _CONTEXT.id == _ASSOCIATION.context_id)
    .join(tables.type_, _TYPE.id == _CONTEXT.type_id)
    .where(_ASSOCIATION.execution_id.in_(_IDS), _TYPE.name.in_(CONTEXT_TYPES))
)


def read_artifacts(connection: Connection, ids: Iterable[int]) -> dict[int, StoredArtifact]:
    """Artifacts by id; ids that are not there are left out."""
    wanted = sorted(set(ids))
    said = properties.read(connection, properties.ARTIFACT, wanted)
    return {
        artifact_id: StoredArtifact(
            id=artifact_id,
            type_name=type_name,
            uri=Path(uri or ""),
            digest=str(said[artifact_id].pop(properties.DIGEST, "")),
            properties=said[artifact_id],
        )
        for artifact_id, uri, type_name in connection.execute(_ARTIFACTS, {"ids": wanted})
    }


def read_executions(connection: Connection, ids: Iterable[int]) -> list[StoredExecution]:
    """Executions in the order of their ids, which is that in which they started."""
    wanted = sorted(set(ids))
    said = properties.read(connection, properties.EXECUTION, wanted)
    inputs, outputs = _events(connection, wanted)
    for execution_id, names in said.items():
        prefix = properties.INPUT
        inputs[execution_id] |= {n.removeprefix(prefix): int(i) for n, i in names.items() if n.startswith(prefix)}
    ids_used = [i for names in (*inputs.values(), *outputs.values()) for i in names.values()]
    artifacts = read_artifacts(connection, ids_used)
    contexts = _contexts(connection, wanted)
    return [
        _execution(
            row,
            contexts[row.id],
            said[row.id],
            {name: artifacts[i] for name, i in inputs[row.id].items() if i in artifacts},
            {name: artifacts[i] for name, i in outputs[row.id].items() if i in artifacts},
        )
        for row in connection.execute(_EXECUTIONS, {"ids": wanted})
    ]


def read_runs(connection: Connection, contexts: Iterable[int]) -> list[RunSummary]:
    """Runs by the ids of their contexts, newest first."""
    ids = list(contexts)
    said = properties.read(connection, properties.CONTEXT, ids)
    columns = tables.context.c
    query = select(tables.context).where(columns.id.in_(ids)).order_by(columns.id.desc())
    return [_run(row, said[row.id]) for row in connection.execute(query)]


def _run(row: Row, said: Mapping[str, Property]) -> RunSummary:
    status = said.get(properties.STATUS)
    known = cast(RunStatus, status) if status in get_args(RunStatus) else "running"
    return RunSummary(
        run_id=row.name,
        pipeline=str(said.get(properties.PIPELINE, "")),
        file=str(said.get(properties.FILE, "")),
        status=known,
        started=row.create_time_since_epoch,
        finished=None if known == "running" else row.last_update_time_since_epoch,
    )


def _execution(
    row: Row,
    contexts: Mapping[str, str],
    said: Mapping[str, Property],
    inputs: Mapping[str, StoredArtifact],
    outputs: Mapping[str, StoredArtifact],
) -> StoredExecution:
    state = State(row.last_known_state or State.NEW)
    running = state in (State.NEW, State.RUNNING)
    pipeline = contexts.get(PIPELINE, "")
    return StoredExecution(
        id=row.id,
        pipeline=pipeline,
        run_id=contexts.get(PIPELINE_RUN, ""),
        node=contexts.get(NODE, "").removeprefix(f"{pipeline}."),
        type_name=row.type_name,
        state="running" if running else cast(ExecutionState, state.name.lower()),
        started=row.create_time_since_epoch,
        finished=None if running else row.last_update_time_since_epoch,
        message=str(said.get(properties.MESSAGE, "")),
        inputs=inputs,
        outputs=outputs,
        parameters={name: str(value) for name, value in said.items() if not name.startswith("__")},
    )


def _events(
    connection: Connection, executions: list[int]
) -> tuple[dict[int, dict[str, int]], dict[int, dict[str, int]]]:
    """Input names and output names of executions, each with the artifact's id."""
    inputs: dict[int, dict[str, int]] = defaultdict(dict)
    outputs: dict[int, dict[str, int]] = defaultdict(dict)
    for execution_id, kind, name, artifact_id in connection.execute(_EVENTS, {"ids": executions}):
        (inputs if kind == EventType.INPUT else outputs)[execution_id][name] = artifact_id
    return inputs, outputs


def _contexts(connection: Connection, executions: list[int]) -> dict[int, dict[str, str]]:
    """Of each execution: context type to context name (of several, as with fingerprints, any)."""
    found: dict[int, dict[str, str]] = defaultdict(dict)
    for execution_id, type_name, name in connection.execute(_CONTEXTS, {"ids": executions}):
        found[execution_id][type_name] = name
    return found
