"""Which spans of the data a run read: told by the examples that it made or took from cache."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from pipeline.lineage import tables
from pipeline.lineage.links import EventType
from pipeline.lineage.types import PIPELINE_RUN, Kind, Type, TypeIds
from schemas.artifacts import Examples, Property
from schemas.spans import PROPERTIES, Span, spans_in


def spans_of_runs(connection: Connection, types: TypeIds, run_ids: Sequence[str]) -> dict[str, tuple[Span, ...]]:
    """Run id to spans, oldest first; runs whose data has none, or that came to no examples, are left out."""
    found: dict[str, dict[int, dict[str, Property]]] = defaultdict(lambda: defaultdict(dict))
    given = {
        "runs": list(run_ids),
        "run": types[Type(Kind.CONTEXT, PIPELINE_RUN)],
        "examples": types[Type(Kind.ARTIFACT, Examples.type_name())],
        "output": int(EventType.OUTPUT),
        "names": list(PROPERTIES),
    }
    for run_id, artifact_id, name, value in connection.execute(_QUERY, given):
        found[run_id][artifact_id][name] = value
    # The first are those of ExampleGen; Transform says the same of its own.
    return {run_id: spans_in(examples[min(examples)]) for run_id, examples in found.items()}


_CONTEXT, _ASSOCIATION, _EVENT = tables.context.c, tables.association.c, tables.event.c
_ARTIFACT, _SAID = tables.artifact.c, tables.artifact_property.c
_QUERY = (
    select(_CONTEXT.name, _ARTIFACT.id, _SAID.name, _SAID.string_value)
    .select_from(tables.context)
    .join(tables.association, _ASSOCIATION.context_id == _CONTEXT.id)
    .join(tables.event, _EVENT.execution_id == _ASSOCIATION.execution_id)
    .join(tables.artifact, _ARTIFACT.id == _EVENT.artifact_id)
    .join(tables.artifact_property, _SAID.artifact_id == _ARTIFACT.id)
    .where(_CONTEXT.type_id == bindparam("run"), _CONTEXT.name.in_(bindparam("runs", expanding=True)))
    .where(_ARTIFACT.type_id == bindparam("examples"), _EVENT.type == bindparam("output"))
    .where(_SAID.name.in_(bindparam("names", expanding=True)))
)
