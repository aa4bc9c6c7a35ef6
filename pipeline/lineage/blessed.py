"""The champion: the newest model that an evaluation blessed, and nobody rolled back."""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, select

from pipeline.lineage import tables
from pipeline.lineage.links import EventType, find_context
from pipeline.lineage.properties import DIGEST
from pipeline.lineage.reading import State, read_artifacts
from pipeline.lineage.records import StoredArtifact
from pipeline.lineage.types import PIPELINE, Kind, Type, TypeIds
from schemas.artifacts import Model, ModelBlessing

CANDIDATE = "model"
"""Name of the input that an evaluation judges; a champion is a Model too, but only what is compared with."""
BLESSED = "blessed"
"""Property of a ModelBlessing: 1 or 0."""
_AT_ONCE = 20
"""Models that are read together: mostly the first is the one."""
ROLLED_BACK = "rolled_back"
"""Property of a Model that was rolled back: when, and why."""


def latest_blessed(
    connection: Connection, types: TypeIds, pipeline: str, other_than: StoredArtifact | None
) -> StoredArtifact | None:
    """The newest blessing's model that is not `other_than` by id, uri or digest, whether its files are there or not.

    Nor is it one that was rolled back, or a copy of such a one by digest, until `trainworks rollback --forgive`.
    The newest is the blessing that was made last, as in TFX: taking an old one from cache does not renew it. A champion
    whose files are gone is still the champion: who compares with it must say so rather than take an older, weaker one.
    """
    models = blessed_models(connection, types, pipeline)
    return next((model for model in models if not (other_than and same_artifact(model, other_than))), None)


def blessed_models(connection: Connection, types: TypeIds, pipeline: str) -> Iterator[StoredArtifact]:
    """All that may be champion, newest blessing first."""
    pipeline_id = find_context(connection, types, PIPELINE, pipeline)
    if pipeline_id is None:
        return
    candidates = _candidates(connection, types, pipeline_id)
    not_again = rolled_back(connection, candidates)
    for first in range(0, len(candidates), _AT_ONCE):
        together = candidates[first : first + _AT_ONCE]
        models = read_artifacts(connection, together)
        for model in (models[model_id] for model_id in together):
            if not any(same_artifact(model, other) for other in not_again):
                yield model


def rolled_back(connection: Connection, models: Iterable[int]) -> list[StoredArtifact]:
    """Those of the models, given by id, that were rolled back."""
    said = tables.artifact_property.c
    marked = set(connection.scalars(select(said.artifact_id).where(said.name == ROLLED_BACK)))
    return list(read_artifacts(connection, marked & set(models)).values())


def copies(connection: Connection, model: StoredArtifact) -> list[int]:
    """Ids of the artifacts with a model's digest, and its own."""
    said = tables.artifact_property.c
    query = select(said.artifact_id).where(said.name == DIGEST, said.string_value == model.digest)
    return [model.id, *(connection.scalars(query) if model.digest else ())]


def same_artifact(one: StoredArtifact, other: StoredArtifact) -> bool:
    """Whether two are one by id, uri or digest."""
    same_content = bool(one.digest) and one.digest == other.digest
    return one.id == other.id or one.uri == other.uri or same_content


def _candidates(connection: Connection, types: TypeIds, pipeline_id: int) -> list[int]:
    """Ids of blessed models, newest blessing first."""
    said = tables.artifact_property.c
    execution, association = tables.execution.c, tables.association.c
    blessing, model = tables.artifact.alias(), tables.artifact.alias()
    output, judged = tables.event.alias(), tables.event.alias()
    path = tables.event_path.c
    query = (
        select(model.c.id)
        .select_from(tables.artifact_property)
        .join(blessing, blessing.c.id == said.artifact_id)
        .join(output, (output.c.artifact_id == blessing.c.id) & (output.c.type == int(EventType.OUTPUT)))
        .join(tables.execution, execution.id == output.c.execution_id)
        .join(tables.association, association.execution_id == execution.id)
        .join(judged, (judged.c.execution_id == execution.id) & (judged.c.type == int(EventType.INPUT)))
        .join(tables.event_path, (path.event_id == judged.c.id) & (path.step_key == CANDIDATE))
        .join(model, model.c.id == judged.c.artifact_id)
        .where(said.name == BLESSED, said.is_custom_property.is_(True), said.int_value == 1)
        .where(blessing.c.type_id == types[Type(Kind.ARTIFACT, ModelBlessing.type_name())])
        .where(model.c.type_id == types[Type(Kind.ARTIFACT, Model.type_name())])
        .where(execution.last_known_state.in_([int(State.COMPLETE), int(State.CACHED)]))
        .where(association.context_id == pipeline_id)
        .order_by(blessing.c.id.desc(), execution.id.desc())
    )
    return list(dict.fromkeys(connection.scalars(query)))
