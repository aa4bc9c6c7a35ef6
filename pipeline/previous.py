"""The champion that a training starts from: the newest blessed model that the same training did not make.

Were it the newest of all, a run in which nothing changed would start from the model that it made the last time, make
another, and so on for ever.
"""

from components.component import Component
from pipeline.history import made_of
from pipeline.lineage.records import StoredArtifact
from pipeline.step import Run, Stored, ingredients_of
from schemas.errors import TrainworksError


def previous_blessed(run: Run, component: Component, name: str, inputs: Stored) -> StoredArtifact | None:
    """The newest blessed model that this step did not make of what it is given now; None where there is none.

    Args:
        name: of the input that is promised.
        inputs: all other inputs.
    """
    try:
        parts = ingredients_of(run, component.resolved(run.pipeline.base), inputs)
    except TrainworksError:  # which the step is about to meet itself, and records
        return None
    but = f"input {name}"
    for model in run.lineage.blessed(run.pipeline.name):
        made = run.lineage.producer(model.id)
        if made is None or made.node != component.name or not made_of(made, parts, but=but):
            return model
    return None
