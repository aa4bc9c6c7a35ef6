"""Fixtures that many tests share."""

import logging
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from schemas.config import BeamConfig
from schemas.files import sha256

# A job in the background starts with Ctrl-C ignored, and so would every process that a test starts and stops with it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Some terminals, and pytest-xdist, say here how wide they are, and tables would be folded to that.
os.environ.pop("COLUMNS", None)


class _Silent:
    def advance(self, steps: int = 1, **shown: float) -> None:
        pass


@dataclass
class LoneContext:
    """What a component needs to run outside a pipeline: real folders, no orchestrator."""

    base: Path
    pipeline: str = "lone"
    run_id: str = "run"
    beam: BeamConfig = field(default_factory=BeamConfig)
    code: str = "code"
    kept: Path | None = None
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("lone"))

    @property
    def scratch(self) -> Path:
        path = self.base / "scratch"
        path.mkdir(exist_ok=True)
        return path

    @property
    def partials(self) -> Path:
        """Nothing is used again, unless a test names a folder."""
        return self.kept or Path(tempfile.mkdtemp(prefix="partials-", dir=self.base))

    def digest(self, path: Path) -> str:
        return sha256(path)

    @property
    def tensorboard(self) -> Path:
        return self.base / "tensorboard"

    @contextmanager
    def progress(self, description: str, total: int | None = None) -> Iterator[_Silent]:
        yield _Silent()


@pytest.fixture
def context(tmp_path: Path) -> LoneContext:
    return LoneContext(base=tmp_path)
