"""News of a run that this process has made."""

import json
from pathlib import Path

from pipeline.notification.news import News, news_of
from pipeline.notification.notifier import Notifier
from pipeline.result import RunResult
from schemas.config import PipelineConfig
from schemas.errors import ConfigError

_SECONDS = 60.0
"""How long the process waits for its news to be taken."""


class Teller:
    """Tells those whom a pipeline file names.

    Args:
        base: folder that relative paths start from.
        workspace: where more can be read.

    Raises:
        ConfigError: the file names nobody, or a secret is not there.
    """

    def __init__(self, config: PipelineConfig, base: Path, workspace: Path) -> None:
        if config.notify is None:
            raise ConfigError(
                "`notify` is required in the pipeline file for `--notify`: a `webhook`, an `email` or both."
            )
        self._pipeline, self._workspace = config.name, workspace
        self._notifier = Notifier(config.notify, base)

    def tell(self, result: RunResult) -> None:
        """Tells how a run ended, unless somebody stopped it."""
        if result.status != "canceled":
            failed = next((step.reason for step in result.components if step.status == "failed"), "")
            verdicts = {step.name: step.verdict for step in result.components if step.verdict is not None}
            self._send(
                news_of(
                    json.loads(result.json()),
                    pipeline=self._pipeline,
                    event=result.status,
                    workspace=self._workspace,
                    verdicts=verdicts,
                    detail=failed,
                )
            )

    def tell_no_run(self, error: Exception) -> None:
        """Tells that there was no run, and why."""
        self._send(News(self._pipeline, "failed", None, detail=str(error)))

    def _send(self, news: News) -> None:
        self._notifier.send(news)
        self._notifier.wait(_SECONDS)
