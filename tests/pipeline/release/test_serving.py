"""While clients ask a real server, releases change under it: no call fails."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

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

    def ask(self) -> float:
        answer = self.served.ask("POST", self.path, '{"instances": [1.0]}')
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
