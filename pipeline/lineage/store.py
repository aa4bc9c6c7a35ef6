"""The store of lineage: every write is one transaction, so a kill leaves the old world or the new one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, func, select

from pipeline.lineage import abandoned, accepted, ancestry, blessed, cached, links, properties, standing, tables
from pipeline.lineage.database import open_database, reading, writing
from pipeline.lineage.executions import Place, absolute, add_artifact, add_execution, end_execution, end_run
from pipeline.lineage.links import EventType
from pipeline.lineage.owner import ORCHESTRATOR, Owner
from pipeline.lineage.reading import State, read_artifacts, read_executions, read_runs
from pipeline.lineage.records import Relative, RunStatus, RunSummary, StoredArtifact, StoredExecution
from pipeline.lineage.spans import spans_of_runs
from pipeline.lineage.standing import StandingArtifact
from pipeline.lineage.types import EXECUTION_CACHE, NODE, PIPELINE, PIPELINE_RUN, Kind, Type
from schemas.artifacts import Artifact, Property
from schemas.errors import ConfigError
from schemas.spans import Span

LOCK_TIMEOUT: Final = 30.0
"""Seconds to wait for another process's transaction, unless told otherwise."""

_LONGEST_ID = 18
"""Digits of an id that every database can look up."""


class Lineage:
    """Runs, executions and artifacts of pipelines.

    Args:
        url_or_path: path of a SQLite file (made when absent, its folder too), or an SQLAlchemy URL of SQLite,
            PostgreSQL or MySQL.
        lock_timeout: seconds to wait for another process's transaction.

    Raises:
        ConfigError: the database is locked, unreadable or of another schema version. All other methods raise
            `TrainworksError` when the database fails (the disk is full, say).
    """

    def __init__(self, url_or_path: str | Path, *, lock_timeout: float = LOCK_TIMEOUT) -> None:
        self._engine, self._types = open_database(url_or_path, lock_timeout)

    @property
    def engine(self) -> Engine:
        """The database, for tables of other subjects that stand beside those of lineage."""
        return self._engine

    def close(self) -> None:
        """Gives the database's connections back."""
        self._engine.dispose()

    def start_run(self, pipeline: str, run_id: str, file: str) -> None:
        """Records that this process runs the pipeline of `file`.

        Raises:
            ConfigError: a run of this id exists.
        """
        with writing(self._engine) as connection:
            if links.find_context(connection, self._types, PIPELINE_RUN, run_id) is not None:
                raise ConfigError(f"A run's id must be new. Received: run_id={run_id}, which lineage knows already.")
            self._begin_run(connection, pipeline, run_id, file, str(Owner.current()))

    def join_run(self, pipeline: str, run_id: str, file: str) -> None:
        """Records that a step of an orchestrator's run begins: the first begins the run, a later one goes on with it.

        The caller holds a lock that every step of the run needs, so what else is said to be running in it has ended.

        Raises:
            ConfigError: the id is that of another pipeline's run, or of one that a process took as a whole.
        """
        with writing(self._engine) as connection:
            context_id = links.find_context(connection, self._types, PIPELINE_RUN, run_id)
            if context_id is None:
                self._begin_run(connection, pipeline, run_id, file, ORCHESTRATOR)
                return
            said = properties.read(connection, properties.CONTEXT, [context_id])[context_id]
            if (said.get(properties.PIPELINE), said.get(properties.OWNER)) != (pipeline, ORCHESTRATOR):
                raise ConfigError(
                    f"`--run-id` must be of a run of pipeline `{pipeline}` that an orchestrator takes step by step."
                    f" Received: {run_id}, a run of `{said.get(properties.PIPELINE)}`"
                    f"{'' if said.get(properties.OWNER) == ORCHESTRATOR else ' that one process took as a whole'}"
                )
            abandoned.abandon_attempts(connection, context_id)
            properties.write(connection, properties.CONTEXT, context_id, {properties.STATUS: "running"})

    def _begin_run(self, connection: Connection, pipeline: str, run_id: str, file: str, owner: str) -> None:
        links.context(connection, self._types, PIPELINE, pipeline)
        context_id = links.context(connection, self._types, PIPELINE_RUN, run_id)
        said: dict[str, Property] = {
            properties.PIPELINE: pipeline,
            properties.FILE: file,
            properties.STATUS: "running",
            properties.OWNER: owner,
        }
        properties.write(connection, properties.CONTEXT, context_id, said)

    def finish_run(self, run_id: str, status: RunStatus) -> None:
        with writing(self._engine) as connection:
            context_id = links.find_context(connection, self._types, PIPELINE_RUN, run_id)
            if context_id is None:
                raise ValueError(f"`run_id` must be of a run that was started. Received: run_id={run_id}")
            end_run(connection, context_id, status)

    def start_execution(
        self,
        *,
        pipeline: str,
        run_id: str,
        node: str,
        component: str,
        inputs: Mapping[str, StoredArtifact],
        parameters: Mapping[str, str],
    ) -> int:
        """Records a running execution with its inputs; returns its id. `component` is the class name."""
        place = Place(pipeline, run_id, node)
        with writing(self._engine) as connection:
            execution_id, contexts = add_execution(connection, self._types, place, component, state=State.RUNNING)
            said: dict[str, Property] = {**parameters, properties.OWNER: str(Owner.current())}
            properties.write(connection, properties.EXECUTION, execution_id, said)
            links.record_inputs(connection, execution_id, inputs)
            links.attribute(connection, contexts, {artifact.id for artifact in inputs.values()})
        return execution_id

    def publish(
        self, execution_id: int, outputs: Mapping[str, tuple[Artifact, str]], fingerprints: Sequence[str]
    ) -> dict[str, StoredArtifact]:
        """Completes an execution in one transaction: its artifacts are live and found by its fingerprints from then on.

        Args:
            outputs: output name to the artifact in its final place and the digest of its contents.
            fingerprints: what `find_cached` finds this execution by.
        """
        with writing(self._engine) as connection:
            end_execution(connection, execution_id, State.COMPLETE)
            ids = {name: add_artifact(connection, self._types, *output) for name, output in outputs.items()}
            links.record_events(connection, execution_id, EventType.OUTPUT, ids)
            caches = [links.context(connection, self._types, EXECUTION_CACHE, f) for f in fingerprints]
            links.associate(connection, caches, execution_id)
            links.attribute(connection, links.contexts_of(connection, execution_id), ids.values())
            stored = read_artifacts(connection, ids.values())
        return {name: stored[artifact_id] for name, artifact_id in ids.items()}

    def fail(self, execution_id: int, message: str, *, canceled: bool = False) -> None:
        """Records that an execution ended without outputs, and why."""
        with writing(self._engine) as connection:
            end_execution(connection, execution_id, State.CANCELED if canceled else State.FAILED, message)

    def find_cached(self, pipeline: str, node: str, fingerprint: str) -> StoredExecution | None:
        """The newest complete execution of this node with this fingerprint whose outputs are all live."""
        with reading(self._engine) as connection:
            found = cached.find_cached(connection, self._types, f"{pipeline}.{node}", fingerprint)
            return None if found is None else read_executions(connection, [found])[0]

    def record_cached(
        self,
        *,
        pipeline: str,
        run_id: str,
        node: str,
        component: str,
        inputs: Mapping[str, StoredArtifact],
        cached: StoredExecution,
    ) -> int:
        """Records that a node's outputs were taken from an earlier execution; returns the new execution's id."""
        place = Place(pipeline, run_id, node)
        outputs = {name: artifact.id for name, artifact in cached.outputs.items()}
        with writing(self._engine) as connection:
            execution_id, contexts = add_execution(connection, self._types, place, component, state=State.CACHED)
            links.record_inputs(connection, execution_id, inputs)
            links.record_events(connection, execution_id, EventType.OUTPUT, outputs)
            links.attribute(connection, contexts, {*(a.id for a in inputs.values()), *outputs.values()})
        return execution_id

    def latest_blessed(self, pipeline: str, *, other_than: StoredArtifact | None) -> StoredArtifact | None:
        """The newest blessed model of a pipeline that is still on disk and is not `other_than` by id, uri or digest."""
        with reading(self._engine) as connection:
            return blessed.latest_blessed(connection, self._types, pipeline, other_than)

    def blessed_before(self, pipeline: str, given: StoredArtifact) -> StoredArtifact | None:
        """The newest blessed model of a pipeline that was not made of an artifact, or of one with its digest."""
        with reading(self._engine) as connection:
            models = blessed.blessed_models(connection, self._types, pipeline)
            return next((model for model in models if not ancestry.made_of(connection, model.id, given)), None)

    def latest_accepted(
        self, pipeline: str, node: str, input: str, *, other_than: StoredArtifact
    ) -> StoredArtifact | None:
        """What a gate was last given as `input` and let pass, that is not `other_than` by id, uri or digest."""
        with reading(self._engine) as connection:
            return accepted.latest_accepted(connection, self._types, f"{pipeline}.{node}", input, other_than)

    def newest_execution(self, pipeline: str, node: str) -> StoredExecution | None:
        """The execution of a node that started last, however it ended."""
        with reading(self._engine) as connection:
            node_id = links.find_context(connection, self._types, NODE, f"{pipeline}.{node}")
            columns = tables.association.c
            newest = select(func.max(columns.execution_id)).where(columns.context_id == node_id)
            found = connection.scalar(newest)
            return None if found is None else read_executions(connection, [found])[0]

    def mark_rolled_back(self, models: Sequence[StoredArtifact], said: str) -> None:
        """Says of models that they were rolled back: `latest_blessed` gives none of them from now on.

        Args:
            said: when, and why.
        """
        with writing(self._engine) as connection:
            for model in models:
                properties.write(connection, properties.ARTIFACT, model.id, {blessed.ROLLED_BACK: said})

    def forgive(self, model: StoredArtifact) -> None:
        """Takes back what `mark_rolled_back` said of a model and of those with its digest."""
        with writing(self._engine) as connection:
            copies = blessed.copies(connection, model)
            properties.remove(connection, properties.ARTIFACT, copies, blessed.ROLLED_BACK)

    def blessed(self, pipeline: str) -> list[StoredArtifact]:
        """All models of a pipeline that `latest_blessed` may give, newest first."""
        with reading(self._engine) as connection:
            return list(blessed.blessed_models(connection, self._types, pipeline))

    def pipelines(self) -> list[str]:
        """Names of the pipelines that have run, in the order in which they first did."""
        columns = tables.context.c
        of_type = columns.type_id == self._types[Type(Kind.CONTEXT, PIPELINE)]
        with reading(self._engine) as connection:
            return list(connection.scalars(select(columns.name).where(of_type).order_by(columns.id)))

    def standing(self, pipeline: str) -> list[StandingArtifact]:
        """A pipeline's artifacts that are not deleted, oldest first."""
        with reading(self._engine) as connection:
            context_id = links.find_context(connection, self._types, PIPELINE, pipeline)
            return [] if context_id is None else standing.standing(connection, context_id)

    def mark(self, artifacts: Sequence[int]) -> None:
        """Says of artifacts, by id, that they are about to be deleted: no run takes them from cache from now on."""
        with writing(self._engine) as connection:
            standing.set_state(connection, artifacts, standing.MARKED)

    def deleted(self, artifacts: Sequence[int]) -> None:
        """Says of artifacts, by id, that their files are gone."""
        with writing(self._engine) as connection:
            standing.set_state(connection, artifacts, standing.DELETED)

    def abandon_running(self, pipeline: str, *, alone: bool = False) -> list[StoredExecution]:
        """Marks failed what killed processes left running in a pipeline, runs and executions; returns the latter.

        Args:
            alone: the caller holds a lock that every process needs to run this pipeline, so all that is said to be
                running has ended. Without it, only what a process of this machine ran that is surely gone.
        """
        with writing(self._engine) as connection:
            executions = abandoned.abandon_running(connection, self._types, pipeline, alone=alone)
            return read_executions(connection, executions)

    def runs(self, limit: int, *, pipeline: str | None = None) -> list[RunSummary]:
        """The newest runs, of one pipeline or of all, newest first."""
        columns, said = tables.context.c, tables.context_property.c
        chosen = (
            select(columns.id)
            .join(tables.context_property, (said.context_id == columns.id) & (said.name == properties.STATUS))
            .where(columns.type_id == self._types[Type(Kind.CONTEXT, PIPELINE_RUN)])
            .order_by(columns.id.desc())
            .limit(limit)
        )
        if pipeline is not None:
            named = tables.context_property.alias()
            chosen = chosen.join(named, (named.c.context_id == columns.id) & (named.c.name == properties.PIPELINE))
            chosen = chosen.where(named.c.string_value == pipeline)
        with reading(self._engine) as connection:
            return read_runs(connection, connection.scalars(chosen))

    def run(self, run_id: str) -> RunSummary | None:
        with reading(self._engine) as connection:
            found = links.find_context(connection, self._types, PIPELINE_RUN, run_id)
            runs = read_runs(connection, [] if found is None else [found])
        return runs[0] if runs else None

    def spans(self, run_ids: Sequence[str]) -> dict[str, tuple[Span, ...]]:
        """The spans that runs read, by run, oldest first; runs whose data has none are left out."""
        with reading(self._engine) as connection:
            return spans_of_runs(connection, self._types, run_ids)

    def for_run(self, run_id: str) -> list[StoredExecution]:
        """A run's executions in the order in which they started."""
        with reading(self._engine) as connection:
            context_id = links.find_context(connection, self._types, PIPELINE_RUN, run_id)
            columns = tables.association.c
            ids = connection.scalars(select(columns.execution_id).where(columns.context_id == context_id))
            return read_executions(connection, list(ids))

    def artifact(self, reference: int | str | Path) -> StoredArtifact | None:
        """An artifact by id, uri, or a path in its folder; the newest when several have the uri."""
        with reading(self._engine) as connection:
            artifact_id = _artifact_id(connection, reference)
            return read_artifacts(connection, [artifact_id]).get(artifact_id)

    def producer(self, artifact_id: int) -> StoredExecution | None:
        """The execution that made an artifact."""
        with reading(self._engine) as connection:
            made = read_executions(connection, ancestry.producers(connection, [artifact_id]))
        return made[0] if made else None

    def ancestors(self, artifact_id: int) -> list[Relative]:
        """What an artifact was made from, nearest first."""
        with reading(self._engine) as connection:
            return ancestry.ancestors(connection, artifact_id)

    def descendants(self, artifact_id: int) -> list[Relative]:
        """What was made from an artifact, nearest first."""
        with reading(self._engine) as connection:
            return ancestry.descendants(connection, artifact_id)


def _artifact_id(connection: Connection, reference: int | str | Path) -> int:
    """The id that a reference means; -1 when there is no such artifact."""
    if isinstance(reference, int) or (isinstance(reference, str) and reference.isdecimal()):
        return int(reference) if len(str(reference)) <= _LONGEST_ID else -1
    path = Path(absolute(reference))
    columns = tables.artifact.c
    candidates = [str(candidate) for candidate in (path, *path.parents)]
    rows = connection.execute(select(columns.id, columns.uri).where(columns.uri.in_(candidates)))
    nearest_newest = max(((len(uri), artifact_id) for artifact_id, uri in rows), default=(0, -1))
    return nearest_newest[1]
