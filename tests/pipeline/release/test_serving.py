"""While clients ask a real server, releases change under it: no call fails."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from components.versions import versions
from pipeline.release.promotion import Promoted, Promotion
from pipeline.release.served import ServedModel
from pipeline.workspace import Workspace
from tests.pipeline.release.conftest import Project
from tests.serving.clients import Answer, Served, serve, until
from tests.serving.half_plus_two import export

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def slopes(tmp_path_factory: pytest.TempPathFactory) -> dict[float, Path]:
    """Models y = slope * x + 2."""
    folder = tmp_path_factory.mktemp("slopes")
    return {slope: export(folder / str(slope), slope=slope) for slope in (1.0, 3.0)}


@dataclass
class Client:
    """Asks without a pause, and keeps what it was told."""

    served: Served
    path: str
    failed: list[Answer] = field(default_factory=list)
    slopes: list[float] = field(default_factory=list)
    body: str = '{"instances": [1.0]}'

    def ask(self) -> float:
        answer = self.served.ask("POST", self.path, self.body)
        if answer.status != 200:
            self.failed.append(answer)
            return 0.0
        self.slopes.append(answer.json["predictions"][0] - 2.0)
        return self.slopes[-1]


@contextmanager
def asking(served: Served, path: str, clients: int = 3) -> Iterator[Client]:
    """Clients that ask until the block ends."""
    client, over = Client(served, path), threading.Event()

    def ask_on() -> None:
        while not over.is_set():
            client.ask()

    threads = [threading.Thread(target=ask_on) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield client
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_a_rollback_under_load_fails_no_call(news: Project, slopes: dict[float, Path], tmp_path: Path) -> None:
    news.run_on(slopes[1.0])
    news.run_on(slopes[3.0])
    with (
        serve(tmp_path / "log", news.base / "served", "--file_system_poll_wait_seconds", "0.1") as served,
        asking(served, "/v1/models/news:predict") as client,
    ):
        until(lambda: client.ask() == 3.0, served.log)
        news.roll_back()
        until(lambda: client.ask() == 1.0, served.log)
        assert {client.ask() for _ in range(50)} == {1.0}
    assert client.failed == []
    assert set(client.slopes) == {1.0, 3.0}


STABLE, CANARY = (f"/v1/models/news/labels/{label}:predict" for label in ("stable", "canary"))
PUSH = "{directory: served, policy: canary, servers: ['http://127.0.0.1:%d'], probation: {seconds: 0, requests: 20}}"


@pytest.fixture
def labelled(news: Project, slopes: dict[float, Path], tmp_path: Path) -> Iterator[Served]:
    """A server of the project's `models.config`, in which y = 1x + 2 is stable."""
    news.set_push(PUSH % 1)
    news.run_on(slopes[1.0])
    monitoring = tmp_path / "monitoring.config"
    monitoring.write_text("prometheus_config { enable: true }")
    config = news.base / "served" / "models.config"
    options = ["--model_config_file_poll_wait_seconds", "0.1", "--file_system_poll_wait_seconds", "0.1"]
    with serve(tmp_path / "log", config, *options, "--monitoring_config_file", monitoring) as served:
        news.set_push(PUSH % served.rest_port)
        yield served


def _promote(news: Project) -> Promoted:
    with closing(news.lineage()) as lineage:
        return Promotion(ServedModel.of(news.file), Workspace(news.workspace), lineage).step()


def _labelled_canary(news: Project, served: Served) -> Client:
    """Waits until the candidate has its label, and clients of it are answered."""
    until(lambda: _promote(news).status == "waiting", served.log)
    client = Client(served, CANARY)
    until(lambda: served.ask("POST", CANARY, client.body).status == 200, served.log)
    return client


def test_a_candidate_is_promoted_and_rolled_back_under_load(
    news: Project, slopes: dict[float, Path], labelled: Served
) -> None:
    with asking(labelled, STABLE) as client:
        until(lambda: client.ask() == 1.0, labelled.log)
        pushed = news.run_on(slopes[3.0]).pushed_version
        canary = _labelled_canary(news, labelled)
        assert {canary.ask() for _ in range(10)} == {3.0}
        assert client.ask() == 1.0
        until(lambda: canary.ask() == 3.0 and _promote(news).status == "promoted", labelled.log)
        until(lambda: client.ask() == 3.0, labelled.log)
        assert news.run_again()["Pusher"].status == "cached"
        assert _promote(news).status == "stable"
        done = news.roll_back()
        assert (done.from_version, done.serving) == (pushed, done.to_version)
        until(lambda: client.ask() == 1.0, labelled.log)
        assert {client.ask() for _ in range(20)} == {1.0}
    assert (client.failed, canary.failed) == ([], [])
    assert news.run_again().status == "refused"


def test_a_candidate_that_fails_its_probation_is_rolled_back(
    news: Project, slopes: dict[float, Path], labelled: Served
) -> None:
    with asking(labelled, STABLE) as client:
        pushed = news.run_on(slopes[3.0]).pushed_version
        canary = _labelled_canary(news, labelled)
        canary.body = '{"instances": ["no number"]}'
        for _ in range(30):
            canary.ask()
        done = _promote(news)
        assert (done.status, done.candidate) == ("rolled back", pushed)
        assert done.said.startswith("error_rate 9") and "where at most 1.00% was asked" in done.said
        until(lambda: labelled.ask("POST", CANARY, "{}").json["error"].startswith("Unrecognized"), labelled.log)
        assert {client.ask() for _ in range(20)} == {1.0}
    assert client.failed == []
    result = news.run_again()
    assert (result.status, "probation: error_rate 9" in result["Pusher"].reason) == ("refused", True)


def test_a_candidate_that_does_not_load_is_rolled_back(news: Project, labelled: Served, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "saved_model.pb").write_text("no graph")
    pushed = news.run_on(broken).pushed_version
    done = Promoted("loading", 0)

    def decided() -> bool:
        nonlocal done
        done = _promote(news)
        return done.status != "loading"

    until(decided, labelled.log)
    assert (done.status, done.candidate) == ("rolled back", pushed)
    assert done.said.startswith("loads http://127.0.0.1:")
    assert Client(labelled, STABLE).ask() == 1.0
    assert news.run_again().status == "refused"


def test_a_shadow_answers_nobody_and_is_promoted_by_what_it_would_have_said(
    news: Project, slopes: dict[float, Path], tmp_path: Path
) -> None:
    push = PUSH.replace("canary", "shadow").replace("requests: 20", "requests: 20, max_disagreement: %g")
    news.set_push(push % (1, 0))
    news.run_on(slopes[1.0])
    monitoring = tmp_path / "monitoring.config"
    monitoring.write_text("prometheus_config { enable: true }")
    options = ["--model_config_file_poll_wait_seconds", "0.1", "--file_system_poll_wait_seconds", "0.1"]
    options += ["--shadow_rate", "200", "--monitoring_config_file", str(monitoring)]
    with (
        serve(tmp_path / "log", news.base / "served" / "models.config", *options) as served,
        asking(served, STABLE, clients=1) as client,
        asking(served, "/v1/models/news:predict", clients=1) as unlabelled,
    ):
        news.set_push(push % (served.rest_port, 1))
        pushed = news.run_on(slopes[3.0]).pushed_version
        until(lambda: _promote(news).status == "promoted", served.log)
        assert set(unlabelled.slopes) <= {1.0, 3.0}
        metrics = served.ask("GET", "/monitoring/prometheus/metrics").text
        until(lambda: client.ask() == 3.0, served.log)
        before_it_was_stable = client.slopes.index(3.0)
        news.set_push(push % (served.rest_port, 0))
        other = news.run_on(export(tmp_path / "5.0", slope=5.0)).pushed_version
        until(lambda: _promote(news).status == "rolled back", served.log)
    assert f':shadow_count{{model_name="news",result="different",version="{pushed}"}}' in metrics
    assert 'result="same"' not in metrics
    assert set(client.slopes[:before_it_was_stable]) == {1.0}
    assert 5.0 not in {*client.slopes, *unlabelled.slopes}
    assert (client.failed, unlabelled.failed) == ([], [])
    result = news.run_again()
    assert (result.status, str(other) in result["Pusher"].reason) == ("refused", True)
    assert "disagreement 100.00%, where at most 0.00% was asked" in result["Pusher"].reason


def test_several_steps_back_what_is_not_loaded_is_loaded_first(
    news: Project, slopes: dict[float, Path], labelled: Served, tmp_path: Path
) -> None:
    (first,) = versions(news.folder)
    with asking(labelled, STABLE) as client:
        for slope in (3.0, 5.0):
            news.run_on(slopes.get(slope) or export(tmp_path / str(slope), slope=slope))
            canary = _labelled_canary(news, labelled)
            until(lambda canary=canary: canary.ask() and _promote(news).status == "promoted", labelled.log)
        until(lambda: client.ask() == 5.0, labelled.log)
        done = news.roll_back(to=first)
        until(lambda: client.ask() == 1.0, labelled.log)
    assert (done.serving, len(done.taken_back)) == (first, 2)
    assert client.failed == []
