"""kill -9 at any moment of a collection: nothing claims to be live and is gone, and the next one finishes the work."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.cleanup.collection import Collected
from tests.pipeline.killed import killed_before
from tests.pipeline.release.conftest import Project

MOST_ACTS = 1000


def _uris(project: Project, state: int) -> list[Path]:
    with closing(sqlite3.connect(project.workspace / "metadata.sqlite")) as connection:
        return [Path(row[0]) for row in connection.execute("SELECT uri FROM Artifact WHERE state = ?", (state,))]


@pytest.mark.parametrize("stride", [23, pytest.param(3, marks=pytest.mark.slow)])
def test_killed_at_every_nth_act(old_news: Project, gc: Callable[..., Collected], tmp_path: Path, stride: int) -> None:
    kept, half_way = tmp_path / "kept", 0
    shutil.copytree(old_news.base, kept)
    for moment in range(20, MOST_ACTS, stride):
        if not killed_before(moment, lambda: gc(delete=True)):
            break
        live, half_way = _uris(old_news, 2), half_way + bool(_uris(old_news, 3))
        assert [uri for uri in live if not uri.is_dir()] == []
        assert all((uri / "saved_model.pb").is_file() for uri in live if uri.parent == old_news.folder)
        gc(delete=True)
        assert (_uris(old_news, 3), list(old_news.served().values())) == ([], ["E", "F"])
        assert [step.status for step in old_news.run_again().components] == ["cached"] * 3
        leftovers = [*(old_news.workspace / "tmp").glob("*/*"), *old_news.folder.glob(".staged-*")]
        assert leftovers == []
        shutil.rmtree(old_news.base)
        shutil.copytree(kept, old_news.base)
    assert half_way >= 2
