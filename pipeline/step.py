"""One step of one run: found unchanged, or run into a temporary folder, moved into place and published.

The order of acts is what makes a kill at any moment harmless: lineage knows the execution before its temporary folder
stands, the folder goes only after lineage has the outputs, and lineage gets them in one transaction after they are in
their final place, durably. Signals wait while that happens.
"""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components.component import Component
from pipeline.apart.runner import Apart
from pipeline.cancellation import Canceled, Cancellation, Deadline, Interrupted
from pipeline.context import RunContext
from pipeline.fingerprint import DigestCache, code_of, combined, ingredients
from pipeline.history import FILE, History, files_in, on_disk, remembered
from pipeline.lineage.records import StoredArtifact, StoredExecution
from pipeline.lineage.store import Lineage
from pipeline.pipeline import Pipeline
from pipeline.progress import Terminal
from pipeline.workspace import Workspace, move_into_place
from schemas.artifacts import Artifact
from schemas.errors import TrainworksError
from schemas.verdict import Verdict

Stored = Mapping[str, StoredArtifact]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Published:
    """A finished step: its outputs by name, as lineage has them, and how they came about."""

    outputs: Stored
    cached: bool
    reason: str


@dataclass(frozen=True)
class Run:
    """What all steps of one run share."""

    id: str
    pipeline: Pipeline
    workspace: Workspace
    lineage: Lineage
    digests: DigestCache
    history: History
    cancellation: Cancellation
    terminal: Terminal
    apart: Apart
    use_cache: bool

    def artifacts(self, component: Component, inputs: Stored) -> dict[str, Artifact | None]:
        """The inputs as the component declares them; None for what was not found."""
        artifacts: dict[str, Artifact | None] = {}
        for name, promise in component.inputs.items():
            kind = component.channel(promise).type
            artifacts[name] = typed(kind, inputs[name]) if name in inputs else None
        return artifacts


def typed(kind: type[Artifact], stored: StoredArtifact) -> Artifact:
    return kind(uri=stored.uri, properties=dict(stored.properties))


def take(run: Run, component: Component, inputs: Stored, cached: StoredExecution, reason: str) -> Published:
    """Records that a step's outputs are those of an earlier execution."""
    run.lineage.record_cached(
        pipeline=run.pipeline.name,
        run_id=run.id,
        node=component.name,
        component=type(component).__name__,
        inputs=inputs,
        cached=cached,
    )
    return Published(cached.outputs, True, reason)


def perform(run: Run, component: Component, inputs: Stored) -> Published:
    """Takes a step's outputs from an earlier execution with the same fingerprint, or else runs it.

    Raises:
        Canceled: a signal asked for it.
        TimedOut: it came to the end of its time.
        Exception: whatever the step raised; lineage then has a failed execution, and no output is left.
    """
    parts: dict[str, str] = {}
    deadline = Deadline.after(run.pipeline.attempts(component).timeout_seconds)
    try:
        with run.cancellation.interruptible(deadline):
            component = component.resolved(run.pipeline.base)
            run.apart.expect(component, run.pipeline.base, run.digests)
            parts = ingredients_of(run, component, inputs)
            cached = run.lineage.find_cached(run.pipeline.name, component.name, combined(parts))
            gone = _gone(run, component, inputs, cached) if run.use_cache and cached else ""
    except BaseException as error:
        _record_failure(run, _start(run, component, inputs, parts), error)
        raise
    if run.use_cache and cached and not gone:
        run.workspace.discard_scratch(run.pipeline.name, component.name, combined(parts))  # of a run killed just before
        return take(run, component, inputs, cached, f"unchanged since run {cached.run_id}")
    reason = gone or (run.history.why(component.name, parts) if run.use_cache else "--no-cache")
    return Published(_Execution(run, component, inputs, parts, deadline).perform(), False, reason)


class _Execution:
    """A step that must run."""

    def __init__(
        self, run: Run, component: Component, inputs: Stored, parts: Mapping[str, str], deadline: Deadline | None
    ) -> None:
        self._run, self._component, self._inputs, self._deadline = run, component, inputs, deadline
        self._parts, self._key = parts, combined(parts)
        self._name, self._node = run.pipeline.name, component.name

    def perform(self) -> dict[str, StoredArtifact]:
        self._id = _start(self._run, self._component, self._inputs, self._parts)
        self._moved: list[Path] = []
        try:
            self._staging = self._run.workspace.staging(self._name, self._id)
            with self._run.cancellation.interruptible(self._deadline):
                outputs = self._execute()
                fingerprints = self._fingerprints()
            final = {name: (self._in_place(name, output), digest) for name, (output, digest) in outputs.items()}
            published = self._run.lineage.publish(self._id, final, fingerprints)
        except BaseException as error:
            self._undo()
            interrupted = self._run.cancellation.requested
            _record_failure(self._run, self._id, interrupted or error)
            if interrupted and not isinstance(error, Interrupted):
                raise interrupted from error
            raise
        self._run.workspace.discard_scratch(self._name, self._node, self._key)
        shutil.rmtree(self._staging, ignore_errors=True)
        return published

    def _execute(self) -> dict[str, tuple[Artifact, str]]:
        """Runs the component; returns each output with the digest of its contents."""
        run, component = self._run, self._component
        if not run.use_cache:
            run.workspace.discard_partials(self._name, self._node)
        outputs = {name: kind(uri=self._staging / name) for name, kind in component.outputs.items()}
        for output in outputs.values():
            output.uri.mkdir()
        bound = component.bind(run.artifacts(component, self._inputs), outputs)
        with run.terminal.step(self._node) as shown:
            run.apart.run(
                bound,
                RunContext(
                    pipeline=self._name,
                    run_id=run.id,
                    node=self._node,
                    fingerprint=self._key,
                    code=code_of(self._parts),
                    base=run.pipeline.base,
                    beam=run.pipeline.beam,
                    workspace=run.workspace,
                    digests=run.digests,
                    shown=shown,
                ),
            )
        made: dict[str, Artifact] = {name: getattr(bound, name) for name in outputs}
        for name, output in made.items():
            if not output.uri.is_dir():
                raise TrainworksError(f"output `{name}` must be a folder. Received: {output.uri}, which is none")
        if component.gate:
            Verdict.load(made[component.gate].uri)
        return {name: (output, run.digests.folder_digest(output.uri)) for name, output in made.items()}

    def _fingerprints(self) -> list[str]:
        """What the result may be found by next time.

        A step may write a file that it reads the next time, such as a schema that it freezes: the result then stands
        for both. A file that anyone else changed meanwhile may or may not have been seen by the step, so that the
        result stands for nothing.
        """
        base = self._run.pipeline.base
        if not self._component.external_inputs(base):
            return [self._key]
        after = ingredients_of(self._run, self._component, self._inputs)
        own = {(base / path).resolve() for path in self._component.external_outputs(base)}
        before_files, after_files = files_in(self._parts, base), files_in(after, base)
        foreign = sorted(path for path, _ in before_files.items() ^ after_files.items() if path not in own)
        if foreign:
            self._run.terminal.warning(
                f"{self._node}: {foreign[0]} changed while the step was reading; the next run will repeat the step."
            )
            return []
        # All but the files as they were before: code that was edited meanwhile is not the code that ran.
        code = {name: part for name, part in self._parts.items() if not name.startswith(FILE)}
        files = {name: part for name, part in after.items() if name.startswith(FILE)}
        return sorted({self._key, combined({**code, **files})})

    def _in_place(self, name: str, output: Artifact) -> Artifact:
        """The output in its final folder; one that the component put elsewhere stays there."""
        if output.uri != self._staging / name:
            return output
        final = self._run.workspace.artifact(self._name, self._node, name, self._id)
        self._moved.append(final)
        move_into_place(output.uri, final)
        return type(output)(uri=final, properties=output.properties)

    def _undo(self) -> None:
        for folder in (*self._moved, self._staging):
            shutil.rmtree(folder, ignore_errors=True)


def _start(run: Run, component: Component, inputs: Stored, parts: Mapping[str, str]) -> int:
    """Tells lineage that the step runs: its parameters, the files it reads, what its fingerprint is made of."""
    from pydantic_core import to_json

    parameters = {name: to_json(value).decode() for name, value in component.parameters.items()}
    return run.lineage.start_execution(
        pipeline=run.pipeline.name,
        run_id=run.id,
        node=component.name,
        component=type(component).__name__,
        inputs=inputs,
        parameters={**parameters, **remembered(parts, run.pipeline.base)},
    )


def _record_failure(run: Run, execution_id: int, error: BaseException) -> None:
    """Tells lineage; where even that fails (on a full disk, say) the next run finds the execution abandoned."""
    message = str(error) if isinstance(error, TrainworksError | Interrupted) else f"{type(error).__name__}: {error}"
    try:
        run.lineage.fail(execution_id, message, canceled=isinstance(error, Canceled))
    except Exception:
        _log.exception("Cannot record the failure of execution %d", execution_id)


def ingredients_of(run: Run, component: Component, inputs: Stored) -> dict[str, str]:
    """What the fingerprint of a step is made of; see `fingerprint.ingredients`."""
    digests = {name: inputs[name].digest if name in inputs else None for name in component.inputs}
    return ingredients(component, digests, run.pipeline.base, run.digests)


def _gone(run: Run, component: Component, inputs: Stored, cached: StoredExecution) -> str:
    """Why an execution's results are no longer there; empty when they are."""
    if not on_disk(cached):
        return "its outputs were gone"
    outputs = {name: typed(kind, cached.outputs[name]) for name, kind in component.outputs.items()}
    valid = component.bind(run.artifacts(component, inputs), outputs).still_valid()
    return "" if valid else "its effects outside the workspace were gone"
