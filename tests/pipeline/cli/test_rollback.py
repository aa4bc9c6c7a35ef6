"""`trainworks rollback` on the command line."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.release.conftest import FILE, Project


@pytest.fixture
def news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digests: Path) -> Project:
    """A project in which A, then B was pushed; the current folder."""
    (tmp_path / "news.yaml").write_text(FILE)
    (tmp_path / ".trainworks").mkdir()
    shutil.copy(digests, tmp_path / ".trainworks")
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path)
    for content in "AB":
        project.run(content)
    return project


def test_one_object_and_the_words_for_people(
    news: Project, told: Callable[..., dict[str, Any]], invoke: Callable[..., Any]
) -> None:
    first, second = news.served()
    said = told("rollback", "news.yaml", "--reason", "wrong topics")
    third = max(news.served())
    assert said == {
        "run_id": said["run_id"],
        "status": "rolled back",
        "model": "news",
        "from_version": second,
        "to_version": first,
        "pushed_version": third,
        "pushed_path": str(news.folder / str(third)),
        "taken_back": [second],
    }
    assert told("runs")["runs"][0]["run_id"] == said["run_id"]
    news.run("C")
    words = invoke("rollback", "news.yaml")
    fourth, fifth = list(news.served())[-2:]
    assert words.exit_code == 0
    assert words.stdout.splitlines() == [
        f"news: version {fourth} was rolled back. The model of version {third} serves again, as version {fifth}:"
        f" served/news/{fifth}",
        f"The model of version {fourth} is never champion nor pushed again, until"
        f" `trainworks rollback news.yaml --forgive {fourth}`.",
    ]


def test_a_model_that_is_forgiven_is_pushed_again(
    news: Project, told: Callable[..., dict[str, Any]], invoke: Callable[..., Any]
) -> None:
    _, second = news.served()
    told("rollback", "news.yaml")
    assert news.run_again().exit_code == 3
    assert told("rollback", "news.yaml", "--forgive", second)["status"] == "forgiven"
    assert news.champion() == "B"
    result = news.run_again()
    assert (result.status, news.served()[max(news.served())]) == ("succeeded", "B")
    wrong = invoke("rollback", "news.yaml", "--forgive", second)
    assert (wrong.exit_code, wrong.stdout) == (2, "")
    assert f"`--forgive` must be a version that was rolled back: none. Received: {second}" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["news.yaml", "--to", "1", "--forgive", "1"], "`--to` and `--forgive` are two commands"),
        (["news.yaml", "--workspace", "nowhere"], "`--workspace` must be a folder in which a pipeline has run"),
        (["nothing.yaml"], "nothing.yaml"),
        (["pushless.yaml"], "must have a section `push`"),
    ],
)
def test_what_is_wrong_is_one_message(
    news: Project, invoke: Callable[..., Any], arguments: list[str], said: str
) -> None:
    Path("pushless.yaml").write_text(FILE.replace("push: {directory: served}\n", ""))
    result = invoke("rollback", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr and "Traceback" not in result.stderr
    assert list(news.served().values()) == ["A", "B"]


def test_nothing_to_roll_back_to(news: Project, invoke: Callable[..., Any]) -> None:
    assert invoke("rollback", "news.yaml").exit_code == 0
    result = invoke("rollback", "news.yaml")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: Nothing to roll back to: version ")
