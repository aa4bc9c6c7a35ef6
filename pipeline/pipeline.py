"""A pipeline: named steps, the order that their wires give, and what part of it a run takes.

Fifteen lines of Python make one and run it:

    examples = ExampleGen(data=DataConfig(format="csv", splits={"train": "train.csv"}, ...), task="classification")
    statistics = StatisticsGen(examples=examples.examples, label="label", text=("text",))
    ...
    result = Pipeline("reuters", [examples, statistics, ...]).run()
    print(result.status, result.metrics["accuracy"], result.pushed_version)
"""

import difflib
import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.component import Component
from schemas.config import BeamConfig, StepConfig, step_config
from schemas.config.steps import DEFAULT
from schemas.errors import ConfigError
from schemas.names import is_name

if TYPE_CHECKING:
    from pipeline.result import RunResult


@dataclass(frozen=True)
class Selection:
    """The part of a pipeline that a run takes; every step is in exactly one of the three, each in running order.

    Args:
        reused: steps before `--from`; their newest results are taken as they are, whatever changed since.
        active: steps that run, or are found unchanged.
        skipped: steps after `--to`.
    """

    reused: tuple[Component, ...]
    active: tuple[Component, ...]
    skipped: tuple[Component, ...]


class Pipeline:
    """Steps and the order in which they run.

    Args:
        name: letters, digits, `.`, `_`, `-`; it names the pipeline in lineage and on disk.
        components: the steps. Wires decide the order; where they leave it open, the order given here does, so a gate
            stands before what it is to protect.
        base: folder that relative paths start from: the pipeline file's; the current folder unless given.
        beam: the Beam runner that prepares data.
        steps: retries and time limits by a step's name; `default` holds for all that have no own.

    Raises:
        ConfigError: a bad or repeated name, a cycle, a wire from a component that is not among `components`, or `steps`
            of a name that no component has.
    """

    def __init__(
        self,
        name: str,
        components: Sequence[Component],
        *,
        base: Path | str = ".",
        beam: BeamConfig | None = None,
        steps: Mapping[str, StepConfig] | None = None,
    ) -> None:
        self.name = name
        self.base = Path(base).resolve()
        self.beam = beam or BeamConfig()
        self._steps = steps or {}
        _check_names(name, components)
        for step, said in strange_steps(self._steps, [component.name for component in components]).items():
            raise ConfigError(f"`steps.{step}` {said}")
        self.components: tuple[Component, ...] = _ordered(name, components)
        """The steps in the order in which they run."""

    def component(self, name: str, option: str = "NODE") -> Component:
        """The step of this name.

        Args:
            option: how a message calls what named it.

        Raises:
            ConfigError: no step has that name.
        """
        return self.components[self._position(name, option)]

    def gates_before(self, component: Component) -> tuple[Component, ...]:
        """The gates that must have let a run through before a step may run: all that come before it."""
        return tuple(c for c in self.components[: self.components.index(component)] if c.gate)

    def select(self, *, start: str | None = None, end: str | None = None) -> Selection:
        """The part from the step named `start` to the one named `end`, both included.

        Raises:
            ConfigError: no step has that name, or `end` comes before `start`.
        """
        first = self._position(start, "--from") if start else 0
        last = self._position(end, "--to") if end else len(self.components) - 1
        if last < first:
            raise ConfigError(f"`--to` must not come before `--from`. Received: --from {start} --to {end}")
        return Selection(self.components[:first], self.components[first : last + 1], self.components[last + 1 :])

    def run(
        self,
        workspace: Path | str | None = None,
        *,
        lineage: str | None = None,
        start: str | None = None,
        end: str | None = None,
        use_cache: bool = True,
    ) -> "RunResult":
        """Runs the pipeline on this machine. A gate's refusal is a result (`result.status == "refused"`).

        Args:
            workspace: folder of artifacts, lineage and logs; `.trainworks` in `base` unless given.
            lineage: URL of the lineage's database; that of the environment variable TRAINWORKS_LINEAGE, and then one in
                the workspace, unless given.
            start: name of the first step to run; those before keep their newest results as they are.
            end: name of the last step to run.
            use_cache: False runs every step again.

        Raises:
            ConfigError: a step's name is unknown, or `lineage` is not this workspace's.
            WorkspaceBusy: another process runs this pipeline in this workspace.
            RunFailed: a step failed; the error carries the result.
            KeyboardInterrupt: Ctrl-C; everything finished stays.
        """
        from pipeline.runner import run_or_raise

        return run_or_raise(self, workspace=workspace, lineage=lineage, start=start, end=end, use_cache=use_cache)

    def attempts(self, component: Component) -> StepConfig:
        """How often one of the steps is tried, and how long it may take."""
        return step_config(self._steps, component.name)

    def _position(self, name: str, option: str) -> int:
        names = [component.name for component in self.components]
        if name not in names:
            raise ConfigError(f"`{option}` must name a step: {', '.join(names)}. Received: {name}")
        return names.index(name)


def _check_names(pipeline: str, components: Sequence[Component]) -> None:
    for what, name in [("A pipeline", pipeline), *(("A component", c.name) for c in components)]:
        if not is_name(name):
            raise ConfigError(
                f"{what}'s `name` must be letters, digits, `.`, `_` or `-`, at most 100, and start with a letter or"
                f" digit. Received: name={name!r}"
            )
    if not components:
        raise ConfigError(f"Pipeline `{pipeline}` must have at least one component.")
    seen: set[str] = set()
    for component in components:
        if component.name in seen:
            raise ConfigError(
                f"Components of a pipeline must have different names; give one of them another by `name=`."
                f" Received twice: {component.name}"
            )
        seen.add(component.name)


def strange_steps(steps: Mapping[str, StepConfig], names: Sequence[str]) -> dict[str, str]:
    """The entries of `steps` that belong to no step, and what is said about each."""
    strange = {}
    for name in steps:
        if name not in (DEFAULT, *names):
            close = difflib.get_close_matches(name, (*names, DEFAULT), n=1)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            strange[name] = (
                f"is for no step of this pipeline. Expected: `{DEFAULT}` or one of {', '.join(names)}.{hint}"
            )
    return strange


def _ordered(pipeline: str, components: Sequence[Component]) -> tuple[Component, ...]:
    """Topological order; among steps that are ready, the one composed first goes first."""
    place = {id(component): index for index, component in enumerate(components)}
    for component in components:
        for producer in component.upstream():
            if id(producer) not in place:
                raise ConfigError(
                    f"Pipeline `{pipeline}`: {component.name} reads from {producer.name}, which is not among its"
                    " components. Add it to the list."
                )
    waiting = {i: {place[id(producer)] for producer in c.upstream()} for i, c in enumerate(components)}
    ready = [index for index, producers in waiting.items() if not producers]
    order: list[Component] = []
    while ready:
        done = heapq.heappop(ready)
        order.append(components[done])
        for index, producers in waiting.items():
            if done in producers:
                producers.remove(done)
                if not producers:
                    heapq.heappush(ready, index)
    if len(order) < len(components):
        stuck = ", ".join(component.name for component in components if component not in order)
        raise ConfigError(f"Pipeline `{pipeline}`: wires must not form a circle. Received: {stuck}")
    return tuple(order)
