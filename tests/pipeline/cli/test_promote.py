"""`trainworks promote` on the command line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.calls import Call
from serving.errors import Code
from tests.pipeline.release.conftest import FILE, Project
from tests.pipeline.release.test_servers import METRICS, answering, metrics_of, status_of

PUSH = "{directory: served, policy: canary, servers: ['%s'], probation: {seconds: 0, requests: 2}}"


@pytest.fixture
def news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digests: Path) -> Project:
    """A project in which nothing has run; the current folder."""
    (tmp_path / "news.yaml").write_text(FILE)
    (tmp_path / ".trainworks").mkdir()
    shutil.copy(digests, tmp_path / ".trainworks")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    return Project(tmp_path)


def test_until_it_is_decided(news: Project, invoke: Callable[..., Any]) -> None:
    pages: dict[str, bytes] = {}
    with answering(pages) as url:
        news.set_push(PUSH % url)
        news.run("A")
        assert "is stable, and there is no candidate" in invoke("promote", "news.yaml").stdout
        news.run("B")
        first, second = news.served()
        loading = invoke("promote", "news.yaml")
        assert (loading.exit_code, loading.stdout) == (
            0,
            f"news: version {second} has no label yet: version {second} is not known at {url}. Version {first} is"
            " stable.\n",
        )
        pages["/v1/models/news"] = status_of(**{f"v{second}": "AVAILABLE"})
        pages[METRICS] = metrics_of(*[Call("rest", "Predict", "", "", "news", second)] * 2)
        done = invoke("promote", "news.yaml", "--wait", "--poll-seconds", "0.1")
        assert done.exit_code == 0
        assert f"news version {second}: promoted" in done.stdout
        assert done.stdout.splitlines()[-1] == f"news: version {second} stood its probation, and is stable."


def test_a_candidate_that_fails_ends_with_the_code_of_a_gate(news: Project, invoke: Callable[..., Any]) -> None:
    pages: dict[str, bytes] = {}
    with answering(pages) as url:
        news.set_push(PUSH % url)
        news.run("A")
        news.run("B")
        first, second = news.served()
        pages["/v1/models/news"] = status_of(**{f"v{second}": "AVAILABLE"})
        pages[METRICS] = metrics_of(*[Call("rest", "Predict", "", "", "news", second, code=Code.INTERNAL)] * 2)
        done = invoke("promote", "news.yaml", "--wait", "--poll-seconds", "0.1", "--json")
    told = json.loads(done.stdout)
    assert done.exit_code == 3
    assert (told["status"], told["stable"], told["candidate"]) == ("rolled back", first, second)
    assert told["reason"] == "error_rate 100.00%, where at most 1.00% was asked"
    assert told["verdict"]["rules"][2]["verdict"] == "failed"


def test_mistakes_of_the_section_are_told_by_line(news: Project, invoke: Callable[..., Any]) -> None:
    news.set_push("{directory: served, policy: canary}")
    result = invoke("promote", "news.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "news.yaml:4" in result.stderr and "`policy: canary` needs `servers`" in result.stderr
    news.set_push("{directory: served, policy: canary, servers: ['127.0.0.1:8501']}")
    assert "must be addresses that begin with http:// or https://" in invoke("promote", "news.yaml").stderr
    news.set_push("{directory: served, policy: canary, servers: ['http://me:secret@127.0.0.1:8501']}")
    told = invoke("promote", "news.yaml").stderr
    assert "must hold no password" in told and "secret" not in told
    news.set_push("{directory: served, policy: canary, servers: ['http://[::1']}")
    assert (done := invoke("promote", "news.yaml")).exit_code == 2 and "Invalid IPv6 URL" in done.stderr
