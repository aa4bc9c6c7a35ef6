"""The folders of a workspace, its lock, and sweeping."""

import os
import shutil
import time
from pathlib import Path

import pytest

from pipeline.workspace import Workspace, WorkspaceBusy, move_into_place
from schemas.errors import ConfigError


def test_the_lock_names_who_holds_it_and_is_free_again_afterwards(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with workspace.lock("p"):
        with pytest.raises(WorkspaceBusy, match=rf"`p` is already running in .* \(process {os.getpid()}\)"):
            workspace.lock("p").__enter__()
        with workspace.lock("q"):
            pass
    with workspace.lock("p"):
        pass


def test_a_workspace_must_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match=r"`--workspace` must be a folder that can be written to. Received:"):
            Workspace(place)


def test_sweeping_removes_what_was_not_published_and_only_that(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    published, orphan = (workspace.artifact("p", "node", "output", number) for number in (1, 2))
    other = workspace.artifact("q", "node", "output", 2)
    for folder in (published, orphan, other):
        folder.mkdir(parents=True)
    for number in (1, 2):
        (workspace.staging("p", number) / "output").mkdir()
    workspace.staging("q", 2)
    assert workspace.sweep("p", lambda folder: folder == published) == 2
    assert (published.exists(), orphan.exists(), other.exists()) == (True, False, True)
    assert list((tmp_path / "tmp").glob("*/*")) == [tmp_path / "tmp" / "q" / "2"]
    assert workspace.sweep("p", lambda folder: False) == 0
    assert published.exists()


def test_scratch_goes_when_nobody_came_back_to_it(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    old, fresh = (workspace.scratch("p", "Trainer", fingerprint) for fingerprint in ("old", "fresh"))
    for folder in (old, fresh):
        folder.mkdir(parents=True)
    month_ago = time.time() - 30 * 86_400
    os.utime(old, (month_ago, month_ago))
    workspace.sweep("p", lambda folder: True)
    assert (old.exists(), fresh.exists()) == (False, True)


def test_partial_results_go_when_no_run_has_used_them(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    old, fresh = (workspace.partials("p", "ExampleGen") / key for key in ("old", "fresh"))
    unfinished, other = workspace.partials("p", "Transform") / ".key.dead", workspace.partials("q", "Transform") / "old"
    month_ago = time.time() - 30 * 86_400
    for folder in (old, fresh, unfinished, other):
        folder.mkdir(parents=True)
        (folder / "content").touch()
    for folder in (old, unfinished, other):
        os.utime(folder, (month_ago, month_ago))
    workspace.sweep("p", lambda folder: True)
    assert [path.exists() for path in (old, unfinished, fresh, other)] == [False, False, True, True]


def test_partial_results_leave_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = Workspace(tmp_path)
    entries = [workspace.partials("p", "ExampleGen") / f"unused-for-{hours}-hours" for hours in range(5)]
    for hours, entry in enumerate(entries):
        entry.mkdir()
        used = time.time() - hours * 3600
        os.utime(entry, (used, used))

    def usage(path: Path) -> shutil._ntuple_diskusage:
        left = sum(entry.exists() for entry in entries)
        return shutil._ntuple_diskusage(100, 94 + left, 6 - left)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    workspace.sweep("p", lambda folder: True)
    assert [entry.exists() for entry in entries] == [True, False, False, False, False]


def test_partial_results_are_discarded_by_node(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    kept, discarded = (workspace.partials("p", node) / "key" for node in ("ExampleGen", "Transform"))
    for entry in (kept, discarded):
        entry.mkdir()
    workspace.discard_partials("p", "Transform")
    workspace.discard_partials("p", "Trainer")
    assert (kept.exists(), discarded.exists()) == (True, False)
    assert list((tmp_path / "tmp").glob("*/*")) == []


def test_moving_into_place_replaces_an_orphan(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "a" / "b" / "target"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "file").write_text("new")
    target.mkdir(parents=True)
    (target / "orphan").touch()
    move_into_place(source, target)
    assert [path.name for path in target.iterdir()] == ["deep"]
    assert (target / "deep" / "file").read_text() == "new"
    assert not source.exists()
