"""The local runner: takes a pipeline's steps one after the other, each from cache where nothing changed.

A gate that says no ends the run, and so does a step that fails or keeps to an earlier decision (a rollback); what was
finished stays, and the next run carries on from there. One run at a time holds a pipeline in a workspace.
"""

import logging
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from components.component import BlessedBefore, Component, LatestAccepted, LatestBlessed, PreviousBlessed
from pipeline.apart.runner import Apart
from pipeline.attempts import attempted
from pipeline.cancellation import Canceled, Cancellation, TimedOut
from pipeline.failure import explain, out_of_space
from pipeline.fingerprint import DigestCache
from pipeline.history import History
from pipeline.lineage.records import RunStatus, StoredArtifact, StoredExecution
from pipeline.lineage.store import Lineage
from pipeline.lineage_url import open_lineage
from pipeline.logs import captured, warnings_shown
from pipeline.pipeline import Pipeline, Selection
from pipeline.previous import previous_blessed
from pipeline.progress import Terminal
from pipeline.result import REFUSED, FinalStatus, RunFailed, RunResult, StepResult, StepStatus
from pipeline.step import Published, Run, perform, take, typed
from pipeline.summary import write_summary
from pipeline.tables import duration
from pipeline.workspace import Workspace
from schemas.errors import TrainworksError
from schemas.verdict import Verdict

_log = logging.getLogger(__name__)
WORKSPACE = ".trainworks"


def run_or_raise(
    pipeline: Pipeline,
    *,
    workspace: Path | str | None = None,
    lineage: str | None = None,
    start: str | None = None,
    end: str | None = None,
    use_cache: bool = True,
) -> RunResult:
    """`Pipeline.run`: as `run_pipeline`, but what failed or was canceled is raised."""
    result = run_pipeline(pipeline, workspace=workspace, lineage=lineage, start=start, end=end, use_cache=use_cache)
    if isinstance(result.error, Canceled):
        raise KeyboardInterrupt(str(result.error)) from result.error
    if result.status == "failed":
        step = next(step for step in result.components if step.status == "failed")
        raise RunFailed(step.reason, result) from result.error
    return result


def run_pipeline(
    pipeline: Pipeline,
    *,
    workspace: Path | str | None = None,
    lineage: str | None = None,
    start: str | None = None,
    end: str | None = None,
    use_cache: bool = True,
    file: str = "python",
) -> RunResult:
    """Runs a pipeline and tells standard error about it.

    Args:
        workspace: folder of artifacts, lineage and logs; `.trainworks` in the pipeline's base unless given.
        lineage: URL of the lineage's database; see `open_lineage`.
        start: name of the first step to run; those before keep the newest results they have.
        end: name of the last step to run.
        use_cache: False runs every step again.
        file: what lineage calls the origin of the pipeline.

    Raises:
        ConfigError: a step's name is unknown, there is nothing that `start` could build on, or the workspace belongs
            to another lineage.
        WorkspaceBusy: another process runs this pipeline in this workspace.
        TrainworksError: there is no room for lineage or the log file.
    """
    selection = pipeline.select(start=start, end=end)
    place = Workspace(Path(workspace) if workspace else pipeline.base / WORKSPACE)
    with held(pipeline, place, lineage) as store:
        run_id = new_run_id()
        reused = History(store, pipeline.name, run_id).reusable(selection.reused)
        begin = partial(store.start_run, pipeline.name, run_id, file)
        steps = selection.active
        with taking(pipeline, place, store, run_id, begin=begin, steps=steps, use_cache=use_cache) as run:
            return _whole(run, selection, reused)


@contextmanager
def held(pipeline: Pipeline, place: Workspace, lineage: str | None, *, wait: float = 0.0) -> Iterator[Lineage]:
    """The lineage of a workspace in which this process alone runs the pipeline; what killed ones left is tidied up.

    Args:
        wait: seconds to wait for another process that runs it.
    """
    with _room(place), place.lock(pipeline.name, wait=wait), closing(open_lineage(place, lineage)) as store:
        # Under another workspace's lock, the same pipeline may be at work in a lineage that both share.
        store.abandon_running(pipeline.name, alone=place.lineage_elsewhere is None)
        place.sweep(pipeline.name, lambda folder: store.artifact(folder) is not None)
        yield store


@contextmanager
def taking(
    pipeline: Pipeline,
    place: Workspace,
    store: Lineage,
    run_id: str,
    *,
    begin: Callable[[], None],
    steps: Sequence[Component],
    use_cache: bool,
) -> Iterator[Run]:
    """What the steps of a run share, while signals stop a step and output goes to the run's log.

    Args:
        begin: tells lineage of the run.
        steps: those that may run.
    """
    history = History(store, pipeline.name, run_id)
    with Cancellation() as cancellation, captured(place.log(run_id)) as stream:
        terminal = Terminal(stream, tuple(component.name for component in pipeline.components))
        with warnings_shown(terminal.warning):
            begin()
            with closing(DigestCache(place.root)) as digests, closing(Apart(pipeline.beam, steps)) as apart:
                yield Run(run_id, pipeline, place, store, digests, history, cancellation, terminal, apart, use_cache)


def new_run_id() -> str:
    """`20261121-223755-3f9a`: local time, so that runs sort as they started, and four random hex digits."""
    return f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def _whole(run: Run, selection: Selection, reused: dict[str, StoredExecution]) -> RunResult:
    """Takes the selected steps, and says of all others why not."""
    run.terminal.line(f"{run.pipeline.name}: run {run.id}")
    walk = Walk(run, reused)
    ending = walk.go((*selection.reused, *selection.active))
    walk.skip_rest(ending.status)
    walk.tell_why(ending.status)
    walk.close(ending.status)
    result = walk.result(ending)
    write_summary(run.terminal, result)
    return result


@dataclass(frozen=True)
class Ending:
    """What steps came to; see `RunResult`."""

    status: FinalStatus
    exit_code: int = 0
    error: BaseException | None = None


@dataclass
class Walk:
    """Steps of one run, in order, until one fails or a gate says no."""

    run: Run
    reused: dict[str, StoredExecution]
    steps: list[StepResult] = field(default_factory=list)
    stored: dict[tuple[str, str], StoredArtifact] = field(default_factory=dict)
    """Node and output to the artifact that this run goes on with."""
    inputs: dict[str, StoredArtifact] = field(default_factory=dict)
    """What the present step was given."""
    retrying: bool = True
    """Whether a step that failed is tried again; an orchestrator does so itself."""

    def go(self, components: Iterable[Component]) -> Ending:
        for component in components:
            started = time.monotonic()
            try:
                refused = self._take(component, started)
            except (Exception, SystemExit, TimedOut) as caught:  # a library's way out must not end the run in silence
                exit_code = self._failed(component, caught, started)
                return Ending("refused" if exit_code == REFUSED else "failed", exit_code, caught)
            except Canceled as caught:
                self._end(component.name, started, str(caught))
                return Ending("canceled", caught.exit_code, caught)
            if refused:
                return Ending("refused", REFUSED)
        return Ending("succeeded")

    def result(self, ending: Ending) -> RunResult:
        return RunResult(
            run_id=self.run.id,
            pipeline=self.run.pipeline.name,
            status=ending.status,
            components=tuple(self.steps),
            log=self.run.workspace.log(self.run.id),
            error=ending.error,
            exit_code=ending.exit_code,
        )

    def _take(self, component: Component, started: float) -> bool:
        """Takes one step; returns whether it is a gate that said no."""
        self.inputs = {}
        self.inputs = self._resolve(component)
        if component.name in self.reused:
            published = take(self.run, component, self.inputs, self.reused[component.name], "taken as it is (--from)")
        else:
            published = self._perform(component)
        for name, artifact in published.outputs.items():
            self.stored[component.name, name] = artifact
        verdict = Verdict.load(published.outputs[component.gate].uri) if component.gate else None
        self._record(component, published, verdict, started)
        return verdict is not None and verdict.refused

    def _perform(self, component: Component) -> Published:
        """Runs a step, or finds it unchanged; one that fails is tried again as `steps` of the pipeline file has it."""
        name, config = component.name, self.run.pipeline.attempts(component)
        if not self.retrying:
            config = config.model_copy(update={"retries": 0})

        def tell(error: BaseException, seconds: float, retry: int) -> None:
            _log.warning("%s failed, and is tried again", name, exc_info=error)
            said = " ".join(f"{type(error).__name__}: {error}".split())
            again = f"tries again in {duration(seconds)} ({retry} of {config.retries})"
            self.run.terminal.warning(f"{name} failed, {again}: {said}")

        return attempted(
            lambda: perform(self.run, component, self.inputs),
            config,
            cancellation=self.run.cancellation,
            tell=tell,
        )

    def _resolve(self, component: Component) -> dict[str, StoredArtifact]:
        """The artifacts that stand behind a step's promises; what lineage does not have is left out."""
        inputs: dict[str, StoredArtifact] = {}
        for name, promise in component.inputs.items():
            if isinstance(promise, LatestBlessed):
                candidate = self.stored[promise.other_than.producer.name, promise.other_than.output]
                champion = self.run.lineage.latest_blessed(self.run.pipeline.name, other_than=candidate)
                if champion is not None:
                    inputs[name] = champion
            elif isinstance(promise, LatestAccepted):
                before = self.run.lineage.latest_accepted(
                    self.run.pipeline.name, component.name, promise.input, other_than=inputs[promise.input]
                )
                if before is not None:
                    inputs[name] = before
            elif isinstance(promise, BlessedBefore):
                model = self.run.lineage.blessed_before(self.run.pipeline.name, inputs[promise.input])
                if model is not None:
                    inputs[name] = model
            elif not isinstance(promise, PreviousBlessed):
                inputs[name] = self.stored[promise.producer.name, promise.output]
        for name, promise in component.inputs.items():
            if isinstance(promise, PreviousBlessed):
                previous = previous_blessed(self.run, component, name, inputs)
                if previous is not None:
                    inputs[name] = previous
        return inputs

    def _record(self, component: Component, published: Published, verdict: Verdict | None, started: float) -> None:
        status: StepStatus = "cached" if published.cached else "executed"
        seconds, reason, line, shown = time.monotonic() - started, published.reason, published.reason, str(status)
        if verdict is not None and verdict.refused:
            failed = f"{len(verdict.broken)} of {len(verdict.rules)} rules failed"
            line, reason, shown = f"refused: {failed} ({reason})", f"refused: {verdict.refusal}", "refused"
        outputs = {name: typed(kind, published.outputs[name]) for name, kind in component.outputs.items()}
        self.steps.append(StepResult(component.name, status, seconds, reason, outputs, verdict))
        self.run.terminal.finished(component.name, shown, seconds, line)
        for note in verdict.notes if verdict else ():
            self.run.terminal.line(f"note: {component.name}: {note}")
        for rule in verdict.rules if verdict else ():
            if rule.verdict == "failed" and rule.severity == "warning":
                self.run.terminal.warning(
                    f"{component.name}: {rule.rule}: expected {rule.expected}, found {rule.found}"
                )

    def _failed(self, component: Component, error: Exception | SystemExit | TimedOut, started: float) -> int:
        """Says what failed, to the terminal and, with the traceback, to the log; returns the exit code."""
        log = self.run.workspace.log(self.run.id)
        _log.error("%s failed", component.name, exc_info=error)
        inputs = {name: artifact.uri for name, artifact in self.inputs.items()}
        failure = explain(error, node=component.name, inputs=inputs, workspace=self.run.workspace.root, log=log)
        refused = failure.exit_code == REFUSED
        self._end(component.name, started, failure.message, shown="refused" if refused else "failed")
        return failure.exit_code

    def _end(self, name: str, started: float, reason: str, *, shown: str = "failed") -> None:
        """Records a step that did not finish."""
        seconds = time.monotonic() - started
        self.steps.append(StepResult(name, "failed", seconds, reason))
        self.run.terminal.finished(name, shown, seconds, "")

    def skip_rest(self, status: FinalStatus) -> None:
        """Every step that was not taken is told, and why."""
        last = self.steps[-1].name
        reason = {
            "succeeded": f"after --to {last}",
            "failed": f"{last} failed",
            "canceled": "canceled",
            "refused": f"{last} said no",
        }[status]
        done = {step.name for step in self.steps}
        for component in self.run.pipeline.components:
            if component.name not in done:
                self.steps.append(StepResult(component.name, "skipped", reason=reason))
                self.run.terminal.finished(component.name, "skipped", 0.0, reason)

    def tell_why(self, status: FinalStatus) -> None:
        """What stopped the run comes last, where it is seen."""
        for step in self.steps:
            if status != "canceled" and step.status == "failed":
                self.run.terminal.line(f"\nerror: {step.reason}", color="31")
            if step.verdict is not None and step.verdict.refused:
                self.run.terminal.verdict(step.name, step.verdict)

    def close(self, status: RunStatus) -> None:
        """Tells lineage; where even that fails (on a full disk, say) the next run finds the run abandoned."""
        try:
            self.run.lineage.finish_run(self.run.id, status)
        except Exception:
            _log.exception("Cannot record the end of run %s", self.run.id)


@contextmanager
def _room(workspace: Workspace) -> Iterator[None]:
    """A disk that is full before the first step is said in one line, too."""
    try:
        yield
    except Exception as error:
        space = None if isinstance(error, TrainworksError) else out_of_space(error)
        if space is None:
            raise
        raise TrainworksError(f"{space}: make room in {workspace.root}, or give a `--workspace` elsewhere.") from error
