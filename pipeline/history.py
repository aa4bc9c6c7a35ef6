"""What earlier runs of a pipeline published: to say why a step runs again, and to start a run in the middle."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final

from components.component import Component
from pipeline.lineage.records import StoredArtifact, StoredExecution
from pipeline.lineage.store import Lineage
from schemas.errors import ConfigError

_RUNS_BACK: Final = 100

EXTERNAL_INPUTS: Final = "external_inputs"
"""Among an execution's parameters in lineage: a JSON list of the files outside the pipeline that it read."""


class History:
    """The finished executions of a pipeline's newest runs, read when first asked for."""

    def __init__(self, lineage: Lineage, pipeline: str, run_id: str) -> None:
        self._lineage, self._pipeline, self._run_id = lineage, pipeline, run_id

    @cached_property
    def _runs(self) -> list[str]:
        runs = self._lineage.runs(_RUNS_BACK)
        return [run.run_id for run in runs if run.pipeline == self._pipeline and run.run_id != self._run_id]

    def _finished(self, run_id: str) -> dict[str, StoredExecution]:
        executions = self._lineage.for_run(run_id)
        return {e.node: e for e in executions if e.state in ("complete", "cached")}

    @cached_property
    def _newest(self) -> dict[str, StoredExecution]:
        return self._finished(self._runs[0]) if self._runs else {}

    def why(self, node: str, inputs: Mapping[str, StoredArtifact]) -> str:
        """Why a step whose fingerprint is unknown must run, as far as the run before can tell."""
        before = self._newest.get(node)
        if before is None:
            return "no result yet" if self._runs else "first run"
        old = {name: artifact.digest for name, artifact in before.inputs.items()}
        new = {name: artifact.digest for name, artifact in inputs.items()}
        changed = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
        if changed:
            return f"{', '.join(f'`{name}`' for name in changed)} changed"
        return "its parameters, files or code changed"

    def reusable(self, components: Sequence[Component]) -> dict[str, StoredExecution]:
        """Executions of all the components in one run, the newest in which all of them finished and are still on disk.

        From one run, since only then the gates among them judged what the others hold.

        Raises:
            ConfigError: there is no such run.
        """
        names = [component.name for component in components]
        if not names:
            return {}
        for run_id in self._runs:
            finished = self._finished(run_id)
            if all(name in finished and on_disk(finished[name]) for name in names):
                return {name: finished[name] for name in names}
        raise ConfigError(
            f"`--from` takes the results of the steps before it ({', '.join(names)}) from an earlier run, and there is"
            " none in which all of them finished. Run without `--from`."
        )


def on_disk(execution: StoredExecution) -> bool:
    return all(artifact.uri.is_dir() for artifact in execution.outputs.values())
