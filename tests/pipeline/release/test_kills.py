"""kill -9 at any moment of a rollback leaves the old world or the new one, and the next rollback ends where it should.

It never goes one step further back than an undisturbed one: what was interrupted is finished, or done anew.
"""

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.release.rollback import NODE
from schemas.manifest import verify
from tests.pipeline.killed import acts_of, killed_before
from tests.pipeline.release.conftest import Project


def _assert_rolled_back_once(project: Project) -> None:
    assert list(project.served().values()) == ["A", "B", "C", "B"]
    assert project.champion() == "B"
    newest = project.folder / str(max(project.served()))
    assert verify(newest) is not None
    with closing(project.lineage()) as lineage:
        execution = lineage.newest_execution("news", NODE)
        assert execution is not None and execution.state == "complete"
        assert execution.outputs["pushed_model"].uri == newest
        run = lineage.run(execution.run_id)
        assert run is not None and run.status == "succeeded"
    assert project.run_again().status == "refused"
    assert not list(project.folder.glob(".staged-*"))


@pytest.mark.parametrize("stride", [6, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_every_nth_act(news: Project, three: list[int], tmp_path: Path, stride: int) -> None:
    """From the last act, which comes after the rename, to the first."""
    kept, newest = tmp_path / "kept", list[str]()
    shutil.copytree(news.base, kept)
    acts = acts_of(news.roll_back)
    assert acts is not None
    for moment in range(acts - 1, 0, -stride):
        shutil.rmtree(news.base)
        shutil.copytree(kept, news.base)
        if killed_before(moment, news.roll_back):
            newest.append(list(news.served().values())[-1])
            news.roll_back()
            _assert_rolled_back_once(news)
    assert "".join(newest) == "B" * newest.count("B") + "C" * newest.count("C")
    assert newest.count("B") and newest.count("C")
