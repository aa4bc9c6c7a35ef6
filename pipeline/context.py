"""What the local runner tells a running component about its surroundings."""

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from components.component import Progress
from pipeline.digests import DigestCache
from pipeline.progress import Step
from pipeline.workspace import Workspace
from schemas.config import BeamConfig


@dataclass(frozen=True)
class RunContext:
    """The `Context` of one step of one run. Folders are made when a step first asks for them."""

    pipeline: str
    run_id: str
    node: str
    fingerprint: str
    code: str
    base: Path
    beam: BeamConfig
    workspace: Workspace
    digests: DigestCache
    shown: Step

    @property
    def scratch(self) -> Path:
        path = self.workspace.scratch(self.pipeline, self.node, self.fingerprint)
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def partials(self) -> Path:
        return self.workspace.partials(self.pipeline, self.node)

    def digest(self, path: Path) -> str:
        return self.digests.file_digest(path)

    @property
    def tensorboard(self) -> Path:
        return self.workspace.tensorboard(self.pipeline, self.run_id, self.node)

    @property
    def logger(self) -> logging.Logger:
        return logging.getLogger(f"trainworks.{self.node}")

    def progress(self, description: str, total: int | None = None) -> AbstractContextManager[Progress]:
        """A bar on a terminal; elsewhere a line now and then."""
        return self.shown.progress(description, total)
