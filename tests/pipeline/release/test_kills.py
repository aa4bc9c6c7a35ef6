"""kill -9 at any moment of a rollback leaves the old world or the new one, and the next rollback ends where it should.

It never goes one step further back than an undisturbed one: what was interrupted is finished, or done anew.
"""

import os
import shutil
import signal
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.release.rollback import NODE
from schemas.manifest import verify
from tests.pipeline.release.conftest import Project
from tests.pipeline.test_kills import forked, is_act

MOST_ACTS = 200


def _killed_after(acts: int, project: Project) -> bool:
    """Rolls back in a process that kills itself before one of its acts; whether it did."""
    return _acted(project, acts) is None


def _acted(project: Project, most: int) -> int | None:
    """How many acts a rollback took in a process of its own; None where that was killed before it took more."""
    counted = project.base / "acts"

    def work() -> None:
        seen = 0

        def hook(event: str, arguments: object) -> None:
            nonlocal seen
            if is_act(event):
                seen += 1
                if seen > most:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        project.roll_back()
        counted.write_text(str(seen))

    _, status = os.waitpid(forked(work), 0)
    return None if os.WIFSIGNALED(status) else int(counted.read_text())


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
    acts = _acted(news, MOST_ACTS)
    assert acts is not None
    for moment in range(acts - 1, 0, -stride):
        shutil.rmtree(news.base)
        shutil.copytree(kept, news.base)
        if _killed_after(moment, news):
            newest.append(list(news.served().values())[-1])
            news.roll_back()
            _assert_rolled_back_once(news)
    assert "".join(newest) == "B" * newest.count("B") + "C" * newest.count("C")
    assert newest.count("B") and newest.count("C")
