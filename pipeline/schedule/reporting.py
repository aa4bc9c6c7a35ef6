"""News of runs that a daemon has made."""

import logging
import time
from typing import Final

from pipeline.cli.told import verdict_of
from pipeline.notification.news import News, news_of
from pipeline.notification.notifier import Notifier
from pipeline.schedule.child import Report
from pipeline.schedule.patience import Patience
from pipeline.schedule.pipeline_file import PipelineFile
from pipeline.schedule.states import Outcome
from pipeline.schedule.triggers import Trigger
from schemas.config.notify import Event
from schemas.errors import TrainworksError
from schemas.verdict import Verdict

_EVENTS: Final[dict[Outcome, Event]] = {
    Outcome.SUCCEEDED: "succeeded",
    Outcome.REFUSED: "refused",
    Outcome.FAILED: "failed",
}
_KEPT: Final = 20
"""Senders that are waited for at the end."""

_log = logging.getLogger(__name__)


class Reporter:
    """Tells those whom the pipeline files name how runs ended."""

    def __init__(self) -> None:
        self._sending: list[Notifier] = []

    def __call__(self, file: PipelineFile, patience: Patience, trigger: Trigger, report: Report) -> None:
        """Begins to tell, and returns at once. What hinders it is logged."""
        event = _EVENTS.get(report.outcome)
        try:
            notifier = Notifier(file.config.notify, file.path.parent)
            if event is not None and notifier.wants(event):
                notifier.send(_news(file, patience, trigger, report, event))
                self._sending = [*self._sending[-_KEPT:], notifier]
        except Exception as error:
            _log.warning("%s: nobody could be told: %s", file.name, error)

    def wait(self, seconds: float) -> None:
        """Until all is sent, or given up, or so much time has passed."""
        end = time.monotonic() + seconds
        for notifier in self._sending:
            notifier.wait(max(end - time.monotonic(), 0))


def _news(file: PipelineFile, patience: Patience, trigger: Trigger, report: Report, event: Event) -> News:
    return news_of(
        report.told,
        pipeline=file.name,
        event=event,
        workspace=file.workspace,
        verdicts=_verdicts(patience, report.run_id),
        reason=f"{trigger.kind}: {trigger.reason}",
        detail=report.detail,
    )


def _verdicts(patience: Patience, run_id: str | None) -> dict[str, Verdict]:
    """The verdicts of a run's gates, by node; none where lineage cannot tell."""
    try:
        executions = patience.lineage.for_run(run_id) if run_id else []
        found = {execution.node: verdict_of(execution) for execution in executions}
    except (TrainworksError, OSError, ValueError):
        return {}
    return {node: verdict for node, verdict in found.items() if verdict is not None}
