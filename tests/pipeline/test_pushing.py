"""The Pusher in the cache's hands: what a run says is served is what a model server would take."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from components.component import Channel, Component, Context, Output
from components.pusher import Pusher
from components.versions import versions
from pipeline.pipeline import Pipeline
from pipeline.result import RunResult
from pipeline.runner import run_pipeline
from schemas.artifacts import Model, ModelBlessing
from schemas.config import PushConfig


class Given(Component):
    """A blessed model whose graph is a file's content."""

    model: Output[Model]
    blessing: Output[ModelBlessing]

    def external_inputs(self, base: Path) -> Sequence[Path]:
        return [base / "graph"]

    def run(self, context: Context) -> None:
        self.model.serving.mkdir(parents=True)
        shutil.copy(context.base / "graph", self.model.serving / "saved_model.pb")
        (self.blessing.uri / "BLESSED").touch()


def push(base: Path, content: str) -> RunResult:
    (base / "graph").write_text(content)
    given = Given()
    pusher = Pusher(
        model=cast(Channel, given.model),
        blessing=cast(Channel, given.blessing),
        push=PushConfig(directory="served"),
        model_name="news",
    )
    return run_pipeline(Pipeline("news", [given, pusher], base=base))


def test_a_model_that_comes_back_is_served_again(tmp_path: Path) -> None:
    results = [push(tmp_path, content) for content in ("A", "B", "A", "A", "B")]
    assert [result["Given"].status for result in results] == ["executed", "executed", "cached", "cached", "cached"]
    assert [result["Pusher"].status for result in results] == ["executed"] * 3 + ["cached", "executed"]
    served = versions(tmp_path / "served" / "news")
    assert [(path / "saved_model.pb").read_text() for path in served.values()] == ["A", "B", "A", "B"]
    assert results[3].pushed_version == list(served)[2]
    assert results[4].pushed_version == list(served)[3]
