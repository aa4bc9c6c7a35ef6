"""What goes, what never does, and what the next run makes of it."""

import os
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from components.versions import versions
from pipeline.cleanup.collection import Collected, collect
from pipeline.workspace import Workspace
from schemas.errors import ConfigError, TrainworksError
from schemas.release_record import ReleaseRecord
from tests.pipeline.cleanup.conftest import ALL
from tests.pipeline.release.conftest import Project

Collect = Callable[..., Collected]
Files = Callable[[Path], dict[str, bytes]]


def states(project: Project) -> dict[int, int]:
    with closing(sqlite3.connect(project.workspace / "metadata.sqlite")) as connection:
        return dict(connection.execute("SELECT id, state FROM Artifact"))


def uris(project: Project, state: int) -> list[Path]:
    with closing(sqlite3.connect(project.workspace / "metadata.sqlite")) as connection:
        return [Path(row[0]) for row in connection.execute("SELECT uri FROM Artifact WHERE state = ?", (state,))]


def test_nothing_is_touched_unless_it_is_asked_for(old_news: Project, gc: Collect, files: Files) -> None:
    before = files(old_news.base)
    found = gc()
    assert Counter(item.kind for item in found.items) == {"artifact": 9, "version": 4, "log": 5}
    assert all(item.size > 0 or item.path.parent.name == "blessing" for item in found.items)
    after = files(old_news.base)
    assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} <= {
        f".trainworks/{name}" for name in ("metadata.sqlite", "metadata.sqlite-wal", "metadata.sqlite-shm")
    }
    assert set(states(old_news).values()) == {2}


def test_what_is_needed_stays_and_the_rest_is_gone(old_news: Project, gc: Collect) -> None:
    gone = gc(delete=True)
    assert list(old_news.served().values()) == ["E", "F"]  # it serves, and a rollback goes back to E
    assert not any(item.path.exists() for item in gone.items)
    assert all(uri.is_dir() for uri in uris(old_news, 2))
    assert sorted(uris(old_news, 4)) == sorted(item.path for item in gone.items if item.artifacts)
    assert uris(old_news, 3) == []
    assert (old_news.champion(), gc(delete=True).items) == ("F", [])
    assert [path.stem for path in (old_news.workspace / "logs").iterdir()] == [old_news_run(old_news)]


def old_news_run(project: Project) -> str:
    with closing(project.lineage()) as lineage:
        return lineage.runs(1)[0].run_id


def test_runs_after_it_find_what_stayed_and_miss_what_went(old_news: Project, gc: Collect) -> None:
    gc(delete=True)
    again = old_news.run_again()
    assert [step.status for step in again.components] == ["cached"] * 3
    earlier = old_news.run("A")
    assert [step.status for step in earlier.components] == ["executed"] * 3
    assert earlier["Given"].reason == "changed: candidate/saved_model.pb"
    assert list(old_news.served().values()) == ["E", "F", "A"]


def test_a_rollback_works_after_it(old_news: Project, gc: Collect) -> None:
    gc(delete=True)
    old_news.roll_back()
    assert list(old_news.served().values()) == ["E", "F", "E"]
    assert old_news.champion() == "E"
    gc(delete=True)
    assert old_news.champion() == "E"
    assert old_news.run("F").status == "refused"


def test_what_was_stable_stays_while_a_candidate_is_tried(old_news: Project, gc: Collect) -> None:
    first, *_, stable, candidate = old_news.served()
    ReleaseRecord(stable=stable, candidate=candidate, previous=first).write(old_news.folder)
    gc(delete=True)
    assert list(old_news.served()) == [first, stable, candidate]


def test_a_version_that_cannot_be_told_stops_it(old_news: Project, gc: Collect) -> None:
    first = next(iter(old_news.served()))
    (old_news.folder / str(first) / "assets.extra" / "manifest.json").unlink()
    (old_news.folder / str(first) / "link").symlink_to(old_news.file)
    with pytest.raises(TrainworksError, match="must hold no links"):
        gc(delete=True)
    assert set(states(old_news).values()) == {2}


def test_limits_keep_what_is_young_or_among_the_newest(gc: Collect) -> None:
    assert gc(replace(ALL, older_than=3600.0)).items == []
    assert gc(replace(ALL, keep_runs=6, keep_versions=6)).items == []
    found = gc(replace(ALL, keep_runs=2, keep_versions=4))
    assert Counter(item.kind for item in found.items) == {"artifact": 6, "version": 2, "log": 4}


def test_models_behind_versions_that_stay_do_so(old_news: Project, gc: Collect) -> None:
    gc(replace(ALL, keep_versions=3), delete=True)
    models = [uri for uri in uris(old_news, 2) if uri.parent.name == "model"]
    contents = [(uri / "Format-Serving" / "saved_model.pb").read_text() for uri in models]
    assert sorted(contents) == ["D", "E", "F"]


def test_a_run_under_way_keeps_what_it_holds(old_news: Project, gc: Collect) -> None:
    with closing(old_news.lineage()) as lineage:
        first = lineage.runs(10)[-1].run_id
        (model,) = lineage.for_run(first)[0].outputs.values()
        lineage.start_run("news", "night", "news.yaml")
        lineage.start_execution(
            pipeline="news", run_id="night", node="Judge", component="Judge", inputs={"model": model}, parameters={}
        )
    assert model.uri not in [item.path for item in gc().items]


def test_a_pipeline_that_is_running_is_left_alone(old_news: Project, gc: Collect) -> None:
    with Workspace(old_news.workspace).lock("news"):
        found = gc(delete=True)
    assert (found.items, found.busy) == ([], ["news"])
    assert set(states(old_news).values()) == {2}


def test_leftovers_go_by_age(old_news: Project, gc: Collect) -> None:
    folders = [old_news.workspace / name for name in ("scratch/news/Trainer/f", "partials/news/ExampleGen/k")]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "file").write_text("content")
        shutil.copytree(folder, folder.with_name("young"))
        then = time.time() - 100 * 86_400
        os.utime(folder, (then, then))
    found = gc(replace(ALL, older_than=86_400.0), delete=True)
    assert [(item.kind, item.size) for item in found.items] == [("scratch", 7), ("partial result", 7)]
    assert [item.path for item in found.items] == folders
    assert not any(folder.exists() for folder in folders)
    assert all(folder.with_name("young").is_dir() for folder in folders)


def test_nothing_outside_is_touched(old_news: Project, gc: Collect, tmp_path: Path) -> None:
    """Whatever a database that others write to says."""
    precious, number = tmp_path / "precious", tmp_path / "123"
    for folder in (precious, number):
        folder.mkdir()
        (folder / "file").write_text("content")
    version = str(next(iter(versions(old_news.folder).values())))
    with closing(sqlite3.connect(old_news.workspace / "metadata.sqlite")) as connection:
        connection.execute("UPDATE Artifact SET uri = ? WHERE id = 1", (str(precious),))
        connection.execute("UPDATE Artifact SET uri = ? WHERE uri = ?", (str(number), version))
        connection.commit()
    gc(delete=True)
    assert (precious / "file").exists() and (number / "file").exists()


def test_a_broken_record_stops_it(old_news: Project, gc: Collect) -> None:
    (old_news.folder / ".release.json").write_text("{")
    with pytest.raises(TrainworksError, match="must be the record of releases"):
        gc(delete=True)
    assert set(states(old_news).values()) == {2}


def test_a_pipeline_that_never_ran(old_news: Project) -> None:
    with closing(old_news.lineage()) as lineage, pytest.raises(ConfigError, match="`weather` has never run"):
        collect(Workspace(old_news.workspace), lineage, ALL, pipeline="weather")
