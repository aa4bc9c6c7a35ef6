"""A look at a served model, recorded in lineage beside what it is about.

It stands there as a run of a pipeline of its own, `<name>.monitor`, so that it neither waits for a run of the pipeline
nor is taken for one.
"""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pipeline.digests import DigestCache
from pipeline.lineage.records import RunStatus
from pipeline.lineage.store import Lineage
from pipeline.lineage_url import open_lineage
from pipeline.logs import captured
from pipeline.monitoring.log_files import log_files
from pipeline.monitoring.look import Look
from pipeline.monitoring.outcome import Outcome
from pipeline.runner import WORKSPACE, new_run_id
from pipeline.workspace import Workspace, move_into_place
from schemas.artifacts import ExampleAnomalies
from schemas.config import MonitoringConfig, PipelineConfig

_NODE: Final = "Monitor"
_OUTPUT: Final = "anomalies"


@dataclass(frozen=True)
class Monitor:
    """What is looked at.

    Args:
        config: the pipeline file, with a section `monitoring`.
        base: its folder.
        workspace: the pipeline's.
        file: what lineage calls the origin.
    """

    config: PipelineConfig
    base: Path
    workspace: Workspace
    file: str

    @classmethod
    def of(cls, config: PipelineConfig, base: Path, workspace: Path | None, file: Path) -> "Monitor":
        """Of a pipeline file; the workspace is `.trainworks` beside it unless given."""
        return cls(config, base, Workspace(workspace or base / WORKSPACE), str(file.resolve()))

    @property
    def name(self) -> str:
        """Of what lineage takes for a pipeline."""
        return f"{self.config.name}.monitor"

    @property
    def monitoring(self) -> MonitoringConfig:
        assert self.config.monitoring is not None
        return self.config.monitoring

    @property
    def served(self) -> Path:
        """The folder of versions that the pipeline pushes to."""
        directory = self.config.push.directory if self.config.push else "served"
        return (self.base / directory / self.config.name).resolve()

    def look(self, lineage_url: str | None = None, *, until: int | None = None) -> Outcome:
        """Looks, and records what was found.

        Args:
            lineage_url: the lineage's database; see `open_lineage`.
            until: end of the window, in seconds since 1970; now unless given.

        Raises:
            ConfigError: no log, or no file of labels, matches.
            WorkspaceBusy: another process is at it.
            TrainworksError: the database or the disk fails.
        """
        logs = log_files(self.monitoring.logs, self.base)
        run_id, until = new_run_id(), int(time.time()) if until is None else until
        with (
            self._held(lineage_url) as lineage,
            captured(self.workspace.log(run_id)),
            _run(lineage, self, run_id) as ending,
        ):
            look = Look(self.config, self.base, self.served, lineage, run_id, until)
            with self._execution(look) as (work, out):
                outcome = look.take(logs, work, out)
            ending.status = "refused" if outcome.verdict.refused else "succeeded"
            return self._requested(lineage, outcome)

    @contextmanager
    def _held(self, lineage_url: str | None) -> Iterator[Lineage]:
        """The lineage, while no other process looks; what killed ones left is tidied up."""
        with self.workspace.lock(self.name), closing(open_lineage(self.workspace, lineage_url)) as lineage:
            lineage.abandon_running(self.name, alone=self.workspace.lineage_elsewhere is None)
            self.workspace.sweep(self.name, lambda folder: lineage.artifact(folder) is not None)
            yield lineage

    @contextmanager
    def _execution(self, look: Look) -> Iterator[tuple[Path, Path]]:
        """A folder to work in and one to fill; what is in the latter is published at the end."""
        execution = look.lineage.start_execution(
            pipeline=self.name,
            run_id=look.run_id,
            node=_NODE,
            component=_NODE,
            inputs=look.newest.stored if look.newest else {},
            parameters={"monitoring": self.monitoring.model_dump_json(), "until": str(look.until)},
        )
        staging = self.workspace.staging(self.name, execution)
        work, out = staging / "work", staging / _OUTPUT
        work.mkdir(mode=0o700)  # what people asked is in there, as in the logs
        try:
            yield work, out
            self._publish(look.lineage, execution, out)
        except BaseException as error:
            message = f"{type(error).__name__}: {error}"
            look.lineage.fail(execution, message, canceled=isinstance(error, KeyboardInterrupt))
            raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _publish(self, lineage: Lineage, execution: int, out: Path) -> None:
        with closing(DigestCache(self.workspace.root)) as digests:
            digest = digests.folder_digest(out)
        final = self.workspace.artifact(self.name, _NODE, _OUTPUT, execution)
        move_into_place(out, final)
        artifact = ExampleAnomalies(final)
        artifact.properties["split_names"] = json.dumps(artifact.splits())
        try:
            lineage.publish(execution, {_OUTPUT: (artifact, digest)}, [])
        except BaseException:
            shutil.rmtree(final, ignore_errors=True)
            raise

    def _requested(self, lineage: Lineage, outcome: Outcome) -> Outcome:
        """Asks for a run where a rule of severity `error` failed and the file says so."""
        if not (self.monitoring.trigger and outcome.verdict.refused):
            return outcome
        from pipeline.monitoring.retraining import ask_for_run

        failed = dict.fromkeys(r.rule for r in outcome.verdict.rules if r.verdict == "failed" and r.severity == "error")
        request = ask_for_run(lineage, self.config.name, run_id=outcome.run_id, rules=", ".join(failed))
        return replace(outcome, request=request)


@dataclass
class _Ending:
    """How a look ends: as it is said here last."""

    status: RunStatus = "failed"


@contextmanager
def _run(lineage: Lineage, monitor: Monitor, run_id: str) -> Iterator[_Ending]:
    """Tells lineage of the look as of a run."""
    lineage.start_run(monitor.name, run_id, monitor.file)
    ending = _Ending()
    try:
        yield ending
    except KeyboardInterrupt:
        ending.status = "canceled"
        raise
    finally:
        lineage.finish_run(run_id, ending.status)
