"""One step of a run that an orchestrator takes step by step, each in a process, on a machine, of its own.

What a step reads is what the steps before it made in the same run, never another run's newest; lineage, which all
processes share, is where it finds that. Nothing else is passed from step to step.

Each step holds the pipeline in the workspace while it runs, so that steps of one run, and of several, go one at a
time; one that comes too early waits. Between two steps another run may take its turn: each goes on with its own
artifacts, and the champion of an evaluation is the newest blessed model at that moment.

The status of such a run follows from what lineage has of its steps: it is running until every step of the pipeline has
finished, one has failed, or a gate has said no; a step that is tried again makes it running again.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from components.component import Channel, Component
from pipeline.history import on_disk
from pipeline.lineage.records import RunStatus, StoredArtifact, StoredExecution
from pipeline.lineage.store import Lineage
from pipeline.pipeline import Pipeline
from pipeline.result import REFUSED, RunResult, may_come_through
from pipeline.runner import WORKSPACE, Walk, held, taking
from pipeline.summary import show_command
from pipeline.workspace import Workspace
from schemas.errors import ConfigError, TrainworksError
from schemas.names import is_name
from schemas.verdict import Verdict

WAIT_SECONDS: Final = 3600.0
"""How long a step waits for another that runs the pipeline in the same workspace."""
_LONGEST_ID: Final = 100


class GateRefused(TrainworksError):  # noqa: N818 - the pipeline's own words: a gate refused
    """A gate of the same run has said no, so that nothing after it may run."""

    exit_code = REFUSED


def safe_run_id(given: str) -> str:
    """A run's id from what an orchestrator calls its run: letters, digits, `.`, `_` and `-`, at most 100.

    What is such an id stays as it is. Of any other, characters that no folder should have become `-`, and a digest of
    all of it is added, so that two never become one.
    """
    if is_name(given):
        return given
    digest = hashlib.sha256(given.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    kept = re.sub(r"[^A-Za-z0-9._-]", "-", given)[: _LONGEST_ID - len(digest) - 1].lstrip("._-")
    return f"{kept}-{digest}" if kept else digest


def run_node(
    pipeline: Pipeline,
    node: str,
    *,
    run_id: str,
    workspace: Path | str | None = None,
    lineage: str | None = None,
    use_cache: bool = True,
    wait: float = WAIT_SECONDS,
    file: str = "python",
) -> RunResult:
    """Takes one step of a run, once, and tells standard error about it.

    Args:
        node: name of the step.
        run_id: what the orchestrator calls the run, the same for all its steps; see `safe_run_id`.
        workspace: folder of artifacts, lineage and logs, the same for all steps of a run; `.trainworks` in the
            pipeline's base unless given.
        lineage: URL of the lineage's database; see `open_lineage`.
        use_cache: False runs the step whether something changed or not.
        wait: seconds to wait for another process that runs the pipeline in this workspace.
        file: what lineage calls the origin of the pipeline.

    Returns:
        what the step came to; its status is the step's, not the run's.

    Raises:
        ConfigError: no step has that name, a step that it needs has not finished in this run (or not since those before
            that one were run again), or the run is another pipeline's.
        GateRefused: a gate before the step has said no in this run.
        WorkspaceBusy: another process runs this pipeline in this workspace, and went on for longer than `wait`.
        TrainworksError: lineage cannot be reached, or there is no room for it or the log file.
    """
    component = pipeline.component(node)
    run_id = safe_run_id(run_id)
    place = Workspace(Path(workspace) if workspace else pipeline.base / WORKSPACE)
    with _worth_another_try(), held(pipeline, place, lineage, wait=wait) as store:
        standing = _standing(pipeline, _newest(store, run_id))
        _check_gates(pipeline, component, standing, run_id)
        finished = _needed(component, standing, run_id)
        begin = partial(store.join_run, pipeline.name, run_id, file)
        with taking(pipeline, place, store, run_id, begin=begin, steps=[component], use_cache=use_cache) as run:
            run.terminal.line(f"{pipeline.name}: run {run_id}, step {node}")
            stored = {(e.node, name): artifact for e in finished for name, artifact in e.outputs.items()}
            walk = Walk(run, {}, stored=stored, retrying=False)
            ending = walk.go([component])
            walk.tell_why(ending.status)
            # A step may also keep to an earlier refusal (a rollback), which lineage has as a failure.
            refused = ending.status == "refused"
            status = "refused" if refused else status_of(pipeline, _newest(store, run_id))
            if status != "running":
                walk.close(status)
            run.terminal.line(f"Run {run_id} {_told(status)}. More: {show_command(run_id, place.root)}")
            return walk.result(ending)


def status_of(pipeline: Pipeline, newest: Mapping[str, StoredExecution]) -> RunStatus:
    """The status of a run, from the newest execution of each of its nodes."""
    states = {execution.state for execution in newest.values()}
    if "failed" in states:
        return "failed"
    if "canceled" in states:
        return "canceled"
    standing = _standing(pipeline, newest)
    gates = [component for component in pipeline.components if component.name in standing and component.gate]
    if any(_refused(gate, standing[gate.name]) for gate in gates):
        return "refused"
    return "succeeded" if len(standing) == len(pipeline.components) else "running"


@contextmanager
def _worth_another_try() -> Iterator[None]:
    """A database that is locked or gone is no mistake in the command, which an orchestrator would not try again."""
    try:
        yield
    except ConfigError as error:
        if not may_come_through(error):
            raise
        raise TrainworksError(str(error)) from error


def _newest(store: Lineage, run_id: str) -> dict[str, StoredExecution]:
    """A run's nodes with the last execution of each."""
    return {execution.node: execution for execution in store.for_run(run_id)}


def _standing(pipeline: Pipeline, newest: Mapping[str, StoredExecution]) -> dict[str, StoredExecution]:
    """What has finished, of what the steps before it made last; an orchestrator may have had one of those run again."""
    standing: dict[str, StoredExecution] = {}
    for component in pipeline.components:
        execution = newest.get(component.name)
        if execution is not None and _finished(execution) and _is_made_of(standing, component, execution):
            standing[component.name] = execution
    return standing


def _is_made_of(standing: Mapping[str, StoredExecution], component: Component, execution: StoredExecution) -> bool:
    wires = {name: promise for name, promise in component.inputs.items() if isinstance(promise, Channel)}
    return all(
        wire.producer.name in standing
        and name in execution.inputs
        and _are_same(execution.inputs[name], standing[wire.producer.name].outputs[wire.output])
        for name, wire in wires.items()
    )


def _are_same(one: StoredArtifact, other: StoredArtifact) -> bool:
    return one.id == other.id or bool(one.digest and one.digest == other.digest)


def _check_gates(
    pipeline: Pipeline, component: Component, standing: Mapping[str, StoredExecution], run_id: str
) -> None:
    """Nothing is run before the gates that stand before it have let the run through."""
    for gate in pipeline.gates_before(component):
        execution = standing.get(gate.name)
        if execution is None:
            raise _too_early(component, gate, run_id)
        if _refused(gate, execution):
            raise GateRefused(
                f"{gate.name} said no in run {run_id}; nothing after it is run. Received: {component.name}."
                f" `trainworks show {run_id}` has its rules"
            )


def _refused(gate: Component, execution: StoredExecution) -> bool:
    return gate.gate is not None and Verdict.load(execution.outputs[gate.gate].uri).refused


def _finished(execution: StoredExecution) -> bool:
    return execution.state in ("complete", "cached") and on_disk(execution)


def _needed(component: Component, standing: Mapping[str, StoredExecution], run_id: str) -> Sequence[StoredExecution]:
    """The executions whose outputs a step reads."""
    needed = []
    for producer in component.upstream():
        execution = standing.get(producer.name)
        if execution is None:
            raise _too_early(component, producer, run_id)
        needed.append(execution)
    return needed


def _too_early(component: Component, before: Component, run_id: str) -> ConfigError:
    return ConfigError(
        f"{component.name} goes on from what {before.name} made in the same run, and in run {run_id} that has not"
        f" finished, or not since what it reads was made anew. Run `trainworks run-node FILE {before.name}` first, with"
        " the same `--run-id`, `--workspace` and `--lineage`."
    )


def _told(status: RunStatus) -> str:
    return "goes on" if status == "running" else status
