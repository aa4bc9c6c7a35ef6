"""A project whose models are a file's content, judged, and pushed by the real Pusher."""

import shutil
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from components.component import Channel, Component, Context, Input, LatestBlessed, Output
from components.pusher import Pusher
from components.versions import versions
from pipeline.lineage.records import StoredArtifact
from pipeline.lineage.store import Lineage
from pipeline.pipeline import Pipeline
from pipeline.release.rollback import Rollback, RolledBackTo
from pipeline.release.served import ServedModel
from pipeline.result import RunResult
from pipeline.runner import run_pipeline
from pipeline.workspace import Workspace
from schemas.artifacts import Model, ModelBlessing

FILE = """\
name: news
data: {format: csv, splits: {train: none.csv}, features: {text: text}, label: topic}
model: {family: linear}
push: {directory: served}
"""


class Given(Component):
    """The model in the folder `candidate`."""

    model: Output[Model]

    def external_inputs(self, base: Path) -> Sequence[Path]:
        return sorted(path for path in (base / "candidate").rglob("*") if path.is_file())

    def run(self, context: Context) -> None:
        shutil.copytree(context.base / "candidate", self.model.serving)


class Judge(Component):
    """Blesses every model."""

    model: Input[Model]
    champion: Input[Model] | None
    blessing: Output[ModelBlessing]

    def run(self, context: Context) -> None:
        (self.blessing.uri / "BLESSED").touch()
        self.blessing.properties["blessed"] = 1


@dataclass(frozen=True)
class Project:
    """A pipeline file, and what is pushed from it."""

    base: Path

    @property
    def file(self) -> Path:
        return self.base / "news.yaml"

    @property
    def folder(self) -> Path:
        return self.base / "served" / "news"

    @property
    def workspace(self) -> Path:
        return self.base / ".trainworks"

    def run(self, content: str) -> RunResult:
        """Runs the pipeline on a model of this content."""
        (self.base / "candidate").mkdir(exist_ok=True)
        (self.base / "candidate" / "saved_model.pb").write_text(content)
        return self.run_again()

    def run_on(self, model: Path) -> RunResult:
        """Runs the pipeline on a SavedModel."""
        shutil.rmtree(self.base / "candidate", ignore_errors=True)
        shutil.copytree(model, self.base / "candidate")
        return self.run_again()

    def run_again(self) -> RunResult:
        given = Given()
        model = cast(Channel, given.model)
        judge = Judge(model=model, champion=LatestBlessed(other_than=model))
        push = ServedModel.of(self.file).push
        pusher = Pusher(model=model, blessing=cast(Channel, judge.blessing), push=push, model_name="news")
        return run_pipeline(Pipeline("news", [given, judge, pusher], base=self.base))

    def set_push(self, push: str) -> None:
        """Replaces the section `push`, a line of YAML."""
        self.file.write_text(FILE.replace("push: {directory: served}", f"push: {push}"))

    def served(self) -> dict[int, str]:
        """Version to content, of all that stand in the folder."""
        return {number: (path / "saved_model.pb").read_text() for number, path in versions(self.folder).items()}

    def roll_back(self, to: int | None = None) -> RolledBackTo:
        with closing(self.lineage()) as lineage:
            return Rollback(ServedModel.of(self.file), Workspace(self.workspace), lineage).to(to, "it was bad")

    def lineage(self) -> Lineage:
        return Lineage(self.workspace / "metadata.sqlite")

    def champion(self) -> str | None:
        """The content of the newest blessed model."""
        with closing(self.lineage()) as lineage:
            found: StoredArtifact | None = lineage.latest_blessed("news", other_than=None)
        return None if found is None else (Model(found.uri).serving / "saved_model.pb").read_text()


@pytest.fixture(scope="session")
def digests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a workspace knows of source files after a run, which takes a while to find out."""
    project = Project(tmp_path_factory.mktemp("digests"))
    project.file.write_text(FILE)
    project.run("A")
    return project.workspace / "digests.json"


@pytest.fixture
def news(tmp_path: Path, digests: Path) -> Project:
    """A project in which nothing has run yet."""
    project = Project(tmp_path / "news")
    project.workspace.mkdir(parents=True)
    shutil.copy(digests, project.workspace)
    project.file.write_text(FILE)
    return project


@pytest.fixture
def three(news: Project) -> Any:
    """The project after A, B and C were pushed, in this order; the versions."""
    for content in "ABC":
        news.run(content)
    return list(news.served())
