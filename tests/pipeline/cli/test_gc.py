"""`trainworks gc` on the command line."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.release.conftest import FILE, Project

ALL = ("--keep-runs", 1, "--keep-versions", 1, "--older-than", 0)


@pytest.fixture
def news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digests: Path) -> Project:
    """A project in which A, B and C were pushed; the current folder."""
    (tmp_path / "news.yaml").write_text(FILE)
    (tmp_path / ".trainworks").mkdir()
    shutil.copy(digests, tmp_path / ".trainworks")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    project = Project(tmp_path)
    for content in "ABC":
        project.run(content)
    return project


def test_a_table_of_what_may_go_and_then_it_is_gone(
    news: Project, invoke: Callable[..., Any], told: Callable[..., dict[str, Any]]
) -> None:
    first = next(iter(news.served()))
    assert invoke("gc").stdout == "Nothing may go.\n"
    seen = invoke("gc", "news.yaml", *ALL)
    lines = [line.split() for line in seen.stdout.splitlines()]
    assert ["version", f"served/news/{first}"] in [line[:2] for line in lines]
    assert "older than 0.0 s; nothing needs it" in seen.stdout
    assert seen.stdout.splitlines()[-1].endswith("Nothing was deleted; `--delete` does.")
    assert list(news.served().values()) == ["A", "B", "C"]
    said = told("gc", *ALL, "--delete")
    assert (said["deleted"], said["busy"]) == (True, [])
    assert said["bytes"] == sum(item["bytes"] for item in said["items"])
    assert {item["path"] for item in said["items"] if item["kind"] == "version"} == {str(news.folder / str(first))}
    assert list(news.served().values()) == ["B", "C"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--older-than", "soon"),
            "`--older-than`: a period must be such as `30s`, `15m`, `6h`, `1h30m` or `7d`. Received: soon",
        ),
        (("--keep-versions", "0"), "--keep-versions"),
        (("--workspace", "nowhere"), "`--workspace` must be a folder in which a pipeline has run"),
        (("other.yaml",), "Pipeline `other` has never run"),
    ],
)
def test_what_is_wrong_is_one_message(
    news: Project, invoke: Callable[..., Any], arguments: tuple[str, ...], said: str
) -> None:
    Path("other.yaml").write_text(FILE.replace("name: news", "name: other"))
    result = invoke("gc", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr and "Traceback" not in result.stderr
