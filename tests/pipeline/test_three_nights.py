"""The ten nights in short: new spans start the runs, a bad one is refused, a model is rolled back; no call fails."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.pipeline.nights.clients import asking
from tests.pipeline.nights.nights import CHAMPION_RULE, FIRST_DAY, SETTINGS, Nights
from tests.pipeline.nights.reigns import Reigns
from tests.pipeline.nights.tickets import Ticket, Tickets
from tests.serving.clients import serve

pytestmark = pytest.mark.slow

SEED = 6


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path / "tickets", {**SETTINGS, "schedule": {"on_new_span": True, "poll": "1s"}})


def of_a_day(tickets: Tickets) -> dict[str, list[Ticket]]:
    return {"train": tickets.rows(300), "test": tickets.rows(240)}


def test_three_nights(nights: Nights, tmp_path: Path) -> None:
    tickets = Tickets(SEED)
    with nights.running(1):
        nights.deliver(of_a_day(tickets))
        first = nights.morning()
        assert (first.kind, first.outcome, first.serving) == ("span", "succeeded", max(nights.pushed()))
        options = ("--file_system_poll_wait_seconds", "0.2")
        with serve(tmp_path / "log", nights.served, *options) as served, asking(served, "tickets") as clients:
            reigns = Reigns(nights, served)
            nights.deliver(of_a_day(tickets), FIRST_DAY + timedelta(days=1))
            second = nights.morning()
            assert (second.outcome, second.starts, len(second.spans)) == ("succeeded", 1, 2)
            assert second.verdicts["Evaluator"][CHAMPION_RULE]["verdict"] == "passed"
            assert reigns.settle() == second.serving

            bad = of_a_day(tickets)
            bad["train"][0] = ("where is my robot", "robots")
            nights.deliver(bad, FIRST_DAY + timedelta(days=2))
            third = nights.morning()
            assert (third.outcome, third.champion, third.serving) == ("refused", second.champion, second.serving)
            assert third.detail.startswith("ExampleValidator refused: unknown_label, found ")

            assert nights.roll_back("wrong answers").told["to_version"] == first.serving
            restored = reigns.settle()
            assert nights.champion() == first.champion
    assert clients.failures == []
    assert reigns.wrong(clients) == []
    assert {answer.version for answer in clients.answers} == {None, first.serving, second.serving, restored}
