"""Lineage outside the workspace: several workspaces, one database."""

from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from pipeline.lineage.store import Lineage
from pipeline.lineage_url import open_lineage
from pipeline.workspace import Workspace
from schemas.errors import ConfigError


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/shared.sqlite"


def test_two_workspaces_share_a_lineage_and_its_cache(
    toys: ModuleType, project: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = toys.toy_pipeline(project).run(lineage=url)
    monkeypatch.setenv("TRAINWORKS_LINEAGE", url)
    second = toys.toy_pipeline(project).run(workspace=project / "other")
    assert [step.status for step in second.components] == ["cached"] * 6
    assert not [*project.rglob("metadata.sqlite")]
    with closing(Lineage(url)) as lineage:
        assert [run.run_id for run in lineage.runs(5)] == [second.run_id, first.run_id]


def test_a_run_in_another_workspace_is_not_taken_for_a_killed_one(toys: ModuleType, project: Path, url: str) -> None:
    with closing(Lineage(url)) as lineage:
        lineage.start_run("toy", "at-work", "elsewhere.yaml")
        toys.toy_pipeline(project).run(lineage=url)
        assert lineage.run("at-work").status == "running"  # type: ignore[union-attr]


def test_a_workspace_stays_with_its_lineage(toys: ModuleType, project: Path, url: str) -> None:
    toys.toy_pipeline(project).run(lineage=url)
    files = sorted((project / ".trainworks" / "artifacts").rglob("*"))
    with pytest.raises(ConfigError) as caught:
        toys.toy_pipeline(project).run()
    workspace = project / ".trainworks"
    assert str(caught.value) == (
        f"`--lineage` must stay what it was for a workspace. The lineage of {workspace} is in {url}. Received:"
        f" sqlite:///{workspace}/metadata.sqlite. Give the former, as `--lineage` or TRAINWORKS_LINEAGE, or another"
        " `--workspace`."
    )
    assert sorted((workspace / "artifacts").rglob("*")) == files


def test_a_workspace_with_a_lineage_of_its_own_takes_no_other(toys: ModuleType, project: Path, url: str) -> None:
    toys.toy_pipeline(project).run()
    with pytest.raises(ConfigError, match="must stay what it was"):
        toys.toy_pipeline(project).run(lineage=url)
    own = f"sqlite:///{project}/.trainworks/metadata.sqlite"
    assert toys.toy_pipeline(project).run(lineage=own).status == "succeeded"


def test_a_url_that_cannot_be_used_binds_no_workspace_and_tells_no_password(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    for url in ("postgresql+none://user:secret@host/name", "postgresql://user:secret@host:port/n", "mysql://u:secret"):
        with pytest.raises(ConfigError) as caught:
            open_lineage(workspace, url)
        assert "secret" not in str(caught.value)
    assert (workspace.lineage_elsewhere, list(workspace.root.iterdir())) == (None, [])
