"""A project with a past: six models were pushed, one after the other."""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.cleanup.collection import Collected, collect
from pipeline.cleanup.limits import Limits
from pipeline.workspace import Workspace
from tests.pipeline.release.conftest import FILE, Project, digests

__all__ = ["digests"]

ALL = Limits(keep_runs=1, keep_versions=1, older_than=0)
"""Whatever nothing needs may go, however young it is."""


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory, digests: Path) -> tuple[Project, Path]:
    """The project, and a copy to put in its place: lineage has absolute paths."""
    folder = tmp_path_factory.mktemp("past")
    project = Project(folder / "news")
    project.workspace.mkdir(parents=True)
    shutil.copy(digests, project.workspace)
    project.file.write_text(FILE)
    for content in "ABCDEF":
        project.run(content)
    return project, Path(shutil.copytree(project.base, folder / "kept"))


@pytest.fixture
def old_news(past: tuple[Project, Path]) -> Project:
    project, kept = past
    shutil.rmtree(project.base)
    shutil.copytree(kept, project.base)
    return project


@pytest.fixture
def gc(old_news: Project) -> Callable[..., Collected]:
    """Collects in the project."""

    def collected(limits: Limits = ALL, *, delete: bool = False) -> Collected:
        with closing(old_news.lineage()) as lineage:
            return collect(Workspace(old_news.workspace), lineage, limits, delete=delete)

    return collected
