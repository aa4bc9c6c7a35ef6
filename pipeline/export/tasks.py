"""The steps of a pipeline as an orchestrator sees them: what comes before each, and how often it is tried."""

from dataclasses import dataclass

from pipeline.pipeline import Pipeline
from schemas.config import StepConfig


@dataclass(frozen=True)
class Task:
    """One step.

    Args:
        name: the node's name in the pipeline.
        after: the steps that must have succeeded; those that follow from others are left out.
        gate: whether it may say no.
        attempts: how often it is tried, and how long it may take.
    """

    name: str
    after: tuple[str, ...]
    gate: bool
    attempts: StepConfig


def tasks_of(pipeline: Pipeline) -> tuple[Task, ...]:
    """The steps in running order. Each waits for those whose outputs it reads, and for the gates before it."""
    ancestors: dict[str, set[str]] = {}
    tasks = []
    for component in pipeline.components:
        gates = [gate.name for gate in pipeline.gates_before(component)]
        direct = dict.fromkeys([*(producer.name for producer in component.upstream()), *gates])
        implied = {name for before in direct for name in ancestors[before]}
        ancestors[component.name] = implied | set(direct)
        after = tuple(name for name in direct if name not in implied)
        tasks.append(Task(component.name, after, component.gate is not None, pipeline.attempts(component)))
    return tuple(tasks)
