"""What looks for a pipeline's drift, scheduled as a pipeline of its own: `trainworks monitor`, every so often."""

from pathlib import Path

from pipeline.schedule.child import Report
from pipeline.schedule.patience import Patience
from pipeline.schedule.pipeline_file import PipelineFile
from pipeline.schedule.requests import request_once
from pipeline.schedule.states import Outcome
from pipeline.schedule.triggers import Trigger
from schemas.config import ScheduleConfig


class DriftFile:
    """A pipeline file, as far as `schedule.on_drift` goes.

    Args:
        file: is refreshed by who runs the pipeline.
    """

    def __init__(self, file: PipelineFile) -> None:
        self._file = file
        self.config = file.config

    @property
    def name(self) -> str:
        return f"{self._file.name}/monitor"

    @property
    def path(self) -> Path:
        return self._file.path

    @property
    def schedule(self) -> ScheduleConfig:
        every = self._file.schedule.on_drift
        return ScheduleConfig(every=every, misfire_grace=self._file.schedule.misfire_grace)

    def refresh(self) -> bool:
        """True when the file has changed since the last call."""
        changed = self._file.config is not self.config
        self.config = self._file.config
        return changed

    def request(self, patience: Patience, trigger: Trigger, report: Report) -> None:
        """Asks for a run of the pipeline where a rule said no, unless `monitoring.trigger` has had it asked for."""
        if report.outcome is Outcome.REFUSED and report.told.get("requested_run") is None:
            reason = f"monitor {report.run_id}: {report.detail}"
            request_once(patience.engine, self._file.name, kind="drift", key=str(trigger.id), reason=reason)
