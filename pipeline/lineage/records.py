"""What comes out of lineage: artifacts, executions and runs, frozen as they were read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from schemas.artifacts import Property

ExecutionState = Literal["running", "complete", "failed", "cached", "canceled"]
RunStatus = Literal["running", "succeeded", "failed", "refused", "canceled"]


@dataclass(frozen=True)
class StoredArtifact:
    """An artifact that lineage knows.

    Args:
        id: its key in the database.
        type_name: name of the artifact type, such as `Examples`.
        uri: the absolute folder.
        properties: what the component that made it said about it.
        digest: digest of the folder's contents; empty when it was not recorded.
    """

    id: int
    type_name: str
    uri: Path
    properties: Mapping[str, Property]
    digest: str


@dataclass(frozen=True)
class StoredExecution:
    """One run of one node; times are milliseconds since the epoch.

    Args:
        pipeline: name of the pipeline.
        run_id: the run that this execution belongs to.
        node: the node's name in the pipeline.
        type_name: the component's class name.
        finished: None while the execution runs.
        message: why it failed or was canceled; empty otherwise.
        inputs: input name to artifact.
        outputs: output name to artifact.
        parameters: what `start_execution` was told of the component's parameters, by name.
    """

    id: int
    pipeline: str
    run_id: str
    node: str
    type_name: str
    state: ExecutionState
    started: int
    finished: int | None
    message: str
    inputs: Mapping[str, StoredArtifact]
    outputs: Mapping[str, StoredArtifact]
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunSummary:
    """One run of a pipeline; times are milliseconds since the epoch.

    Args:
        file: the pipeline file as given, or what stands for it when composed in Python.
        finished: None while the run goes on.
    """

    run_id: str
    pipeline: str
    file: str
    status: RunStatus
    started: int
    finished: int | None


@dataclass(frozen=True)
class Relative:
    """An artifact that another one was made from, or that was made from it.

    Args:
        artifact: the relative.
        execution: the execution that ties it to the nearer artifact.
        role: name of the input (of an ancestor) or the output (of a descendant) in `execution`.
        depth: how many executions lie between; 1 is the nearest.
    """

    artifact: StoredArtifact
    execution: StoredExecution
    role: str
    depth: int
