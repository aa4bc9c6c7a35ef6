"""Ten nights of a pipeline that looks after itself, while clients ask the server that takes what it pushes.

Runs, daemons, server and calls are real. Only the daemons' wall clock is set, so that a night is as long as its run.
"""

import itertools
import re
import shutil
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from tests.pipeline.nights.clients import Clients, asking
from tests.pipeline.nights.daemons import LEASE
from tests.pipeline.nights.nights import CHAMPION_RULE, FIRST_DAY, ZONE, Morning, Nights
from tests.pipeline.nights.reigns import Reigns
from tests.pipeline.nights.tickets import LAUNCHED, WORDS, Ticket, Tickets, Words
from tests.pipeline.real.project import STEPS, Finished
from tests.serving.clients import serve

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

SEED: Final = 6
POLL: Final = 0.2
"""Seconds between two looks of the server at the folder."""
SHIFTED: Final = {"technical": 0.55, "account": 0.15, "billing": 0.15, "delivery": 0.15}
EXECUTED: Final = dict.fromkeys(STEPS, "executed")
MENDED: Final = "the broken span came anew"
ASKED_AGAIN: Final = "is it any better?"


@dataclass
class Story:
    """Ten nights, each as it was found in the morning.

    Args:
        trained: epoch to its speed, of the training that was killed with its daemon.
        heir: what the daemon said that took over from it, so many seconds later.
    """

    nights: Nights
    clients: Clients
    reigns: Reigns
    mornings: dict[str, Morning]
    trained: dict[int, float]
    heir: str
    taken_over_after: float
    rolled_back: Finished


def of_a_day(tickets: Tickets, day: int, words: Words = WORDS, **options: Any) -> dict[str, list[Ticket]]:
    """More of them each day."""
    return {"train": tickets.rows(240 + 20 * day, words, **options), "test": tickets.rows(240, words, **options)}


def broken(delivered: dict[str, list[Ticket]]) -> dict[str, list[Ticket]]:
    """Half the rows of the training split lost their label, and one has a label that nobody knows."""
    rows = [row[: 1 + place % 2] for place, row in enumerate(delivered["train"])]
    return {**delivered, "train": [*rows, ("where is my robot", "robots")]}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    print(f"seed {SEED}")  # noqa: T201
    nights = Nights(tmp_path_factory.mktemp("nights") / "tickets")
    with nights.running(2):
        return play(nights, Tickets(SEED), tmp_path_factory.mktemp("server") / "log")


def play(nights: Nights, tickets: Tickets, log: Path) -> Story:
    """All of it, in order; what came of it is looked at later."""
    mornings: dict[str, Morning] = {}
    days = itertools.count()

    def pass_(name: str, words: Words = WORDS, **options: Any) -> None:
        nights.deliver(of_a_day(tickets, next(days), words, **options))
        mornings[name] = nights.pass_()

    pass_("first")
    with serve(log, nights.served, "--file_system_poll_wait_seconds", str(POLL)) as served:
        reigns = Reigns(nights, served)
        with asking(served, "tickets") as clients:
            pass_("second")
            reigns.settle()

            day, delivered = nights.today, of_a_day(tickets, next(days))
            nights.deliver(broken(delivered))
            mornings["bad data"] = nights.pass_()
            nights.deliver(delivered, day, version=2)
            mornings["mended"] = nights.ask_for_a_run(MENDED)
            reigns.settle()

            pass_("fourth")
            reigns.settle()

            delivered = of_a_day(tickets, next(days))
            delivered["train"] = tickets.mislabelled(delivered["train"] + tickets.rows(900), 0.55)
            span = nights.deliver(delivered)
            mornings["worse challenger"] = nights.pass_()
            shutil.rmtree(span.parent)

            pass_("drift", LAUNCHED, shares=SHIFTED)
            reigns.settle()

            nights.deliver(of_a_day(tickets, next(days), LAUNCHED, shares=SHIFTED))
            taken_over = kill_in_training(nights)
            mornings["killed"] = nights.morning()
            reigns.settle()
            nights.daemons.start()

            pass_("wrong answers", LAUNCHED, shares=SHIFTED)
            reigns.settle()
            rolled_back = nights.roll_back("wrong answers")
            reigns.settle()
            mornings["asked again"] = nights.ask_for_a_run(ASKED_AGAIN)

            for name in ("ninth", "tenth"):
                pass_(name, LAUNCHED, shares=SHIFTED)
                reigns.settle()
    return Story(nights, clients, reigns, mornings, *taken_over, rolled_back)


def kill_in_training(nights: Nights) -> tuple[dict[int, float], str, float]:
    """Kills the daemon that is at work once its run has trained for a while.

    Returns:
        The epochs that it had trained; what the other one said when it took the run up, and how many seconds after
        the kill.
    """
    nights.fall()
    nights.wait_for(nights.is_training)
    victim = nights.at_work()
    assert victim is not None
    nights.daemons.kill(victim)
    killed, trained = time.monotonic(), nights.epochs()
    (heir,) = nights.daemons.alive
    nights.wait_for(lambda: "(start 2)" in heir.said())
    return trained, heir.said(), time.monotonic() - killed


def difference(found: str) -> float:
    """How much better the challenger was, as the rule's numbers have it."""
    told = re.search(r"champion [\d.]+ \[[\d., ]+\], difference (-?[\d.]+) \[", found)
    assert told is not None, found
    return float(told[1])


def test_the_first_night_has_no_champion_and_says_so(story: Story) -> None:
    first = story.mornings["first"]
    assert (first.kind, first.outcome, first.starts, first.fates) == ("cron", "succeeded", 1, EXECUTED)
    assert first.verdicts["Evaluator"][CHAMPION_RULE]["verdict"] == "skipped"
    assert "no model has been blessed yet: rules against the champion are skipped" in first.notes[0]


def test_the_data_grows_and_the_challenger_takes_over(story: Story) -> None:
    first, second, fourth = (story.mornings[name] for name in ("first", "second", "fourth"))
    assert (second.outcome, second.starts) == ("succeeded", 1)
    assert second.fates == {**EXECUTED, "SchemaGen": second.fates["SchemaGen"]}
    assert second.spans == [*first.spans, "2027-03-26/1"]
    assert fourth.spans == ["2027-03-26/1", "2027-03-27/2", "2027-03-28/1"]
    rule = second.verdicts["Evaluator"][CHAMPION_RULE]
    assert (rule["verdict"], rule["expected"]) == ("passed", "less than 0.1 worse with 95 % confidence")
    assert re.search(r"by Tango's score test \(p = [\d.e-]+\)", rule["found"])
    assert second.champion != first.champion
    assert second.serving is not None and first.serving is not None and second.serving > first.serving


def test_bad_data_stops_at_the_gate_until_it_comes_anew(story: Story) -> None:
    second, bad, mended = (story.mornings[name] for name in ("second", "bad data", "mended"))
    assert bad.outcome == "refused"
    assert bad.failed("ExampleValidator") == {"ragged_row", "unknown_label"}
    rules = bad.verdicts["ExampleValidator"]
    assert rules["ragged_row"]["found"].startswith("train: 140 of 727 rows (19.3 %), left out")
    assert rules["unknown_label"]["found"].startswith("train: 1 of 587 labels (0.17 %): `robots` (1)")
    assert bad.detail.startswith("ExampleValidator refused: ragged_row, found train: 140 of 727 rows")
    assert list(bad.fates) == list(STEPS[:4])
    assert (bad.champion, bad.serving) == (second.champion, second.serving)
    assert (mended.kind, mended.outcome, mended.fates["Pusher"]) == ("request", "succeeded", "executed")
    assert mended.spans == ["2027-03-25/1", "2027-03-26/1", "2027-03-27/2"]


def test_a_worse_challenger_is_refused_with_numbers(story: Story) -> None:
    before, worse = story.mornings["fourth"], story.mornings["worse challenger"]
    assert worse.outcome == "refused"
    assert worse.failed("Evaluator") == {CHAMPION_RULE}
    found = worse.verdicts["Evaluator"][CHAMPION_RULE]["found"]
    assert difference(found) < -0.1
    assert worse.detail == f"Evaluator refused: {CHAMPION_RULE}, found {found}"
    assert (worse.champion, worse.serving) == (before.champion, before.serving)
    assert "Pusher" not in worse.fates


def test_drift_is_said_and_trained_on(story: Story) -> None:
    before, drift = story.mornings["worse challenger"], story.mornings["drift"]
    assert drift.failed("ExampleValidator") >= {"drift_linf"}
    rule = drift.verdicts["ExampleValidator"]["drift_linf"]
    assert rule["severity"] == "warning"
    assert re.match(
        r"train: `topic` 0\.1\d+ \(by chance up to 0\.0\d+\): `technical` 2[\d.]+ % -> 3[\d.]+ %", rule["found"]
    )
    assert difference(drift.verdicts["Evaluator"][CHAMPION_RULE]["found"]) > 0.2
    assert (drift.outcome, drift.fates["Trainer"], drift.fates["Pusher"]) == ("succeeded", "executed", "executed")
    assert drift.champion != before.champion


def test_another_daemon_finishes_what_a_killed_one_trained(story: Story) -> None:
    drift, killed = story.mornings["drift"], story.mornings["killed"]
    assert (killed.kind, killed.outcome, killed.starts) == ("cron", "succeeded", 2)
    assert "run begins (cron: 2027-04-01 01:00:00Z) (start 2)" in story.heir
    assert story.taken_over_after < 2 * LEASE
    earlier = [step for step in STEPS[: STEPS.index("Trainer")] if killed.fates[step] != "cached"]
    assert (earlier, killed.fates["Trainer"], killed.fates["Pusher"]) == ([], "executed", "executed")
    trained = story.nights.epochs(killed.run_id)
    assert len(trained) == 40
    assert trained[0] == story.trained[0], "from the last checkpoint, not anew"
    assert killed.champion != drift.champion


def test_what_was_rolled_back_does_not_come_back(story: Story) -> None:
    good, wrong, again = (story.mornings[name] for name in ("killed", "wrong answers", "asked again"))
    told = story.rolled_back.told
    assert story.rolled_back.exit_code == 0
    assert (told["from_version"], told["to_version"]) == (wrong.serving, good.serving)
    assert (again.outcome, again.champion, again.serving) == ("refused", good.champion, told["pushed_version"])
    assert f"--forgive {wrong.serving}" in again.detail
    ninth = story.mornings["ninth"]
    assert (ninth.outcome, ninth.fates["Pusher"]) == ("succeeded", "executed")
    with closing(story.nights.lineage()) as lineage:
        (judged,) = (step for step in lineage.for_run(ninth.run_id) if step.node == "Evaluator")
    assert judged.inputs["champion"].uri == good.champion


def test_each_night_ran_once(story: Story) -> None:
    triggers = story.nights.triggers()
    assert {row.state for row in triggers} == {"ended"}
    due = [datetime.fromisoformat(row.unique_key) for row in triggers if row.kind == "cron"]
    assert [moment.astimezone(ZONE).strftime("%d. %H:%M") for moment in due] == [
        f"{day:%d}. 03:00" for day in (FIRST_DAY + timedelta(days=night) for night in range(1, 11))
    ]
    assert {after - before for before, after in itertools.pairwise(due)} == {timedelta(hours=24), timedelta(hours=23)}
    assert [row.reason for row in triggers if row.kind == "request"] == [MENDED, ASKED_AGAIN]
    runs = story.nights.project.trainworks("runs", "--limit", 100, "--json").told["runs"]
    own = {row.run_id for row in triggers}
    assert len(own) == len(triggers) == 12
    assert len(runs) == 14
    others = [run["status"] for run in reversed(runs) if run["run_id"] not in own]
    assert others == ["failed", "succeeded"], "the run that was killed, and the rollback"


def test_each_model_was_pushed_once(story: Story) -> None:
    pushed = [morning.serving for name, morning in story.mornings.items() if morning.outcome == "succeeded"]
    assert len(set(pushed)) == len(pushed) == 9
    assert sorted(story.nights.pushed()) == sorted([*pushed, story.rolled_back.told["pushed_version"]])
    champions = {morning.champion for morning in story.mornings.values() if morning.outcome == "succeeded"}
    assert len(champions) == 9


def test_no_call_failed(story: Story) -> None:
    assert story.clients.failures == []
    answered = {answer.version for answer in story.clients.answers}
    assert answered == {*story.nights.pushed(), None}


def test_every_answer_was_a_blessed_model_s(story: Story) -> None:
    """Allowed beyond a rollback, or a push: until the server says that the successor has taken over."""
    assert story.reigns.wrong(story.clients) == []
    told = story.clients.versions()
    assert {answer.fingerprint for answer in story.clients.answers if answer.version is None} <= set(told)
