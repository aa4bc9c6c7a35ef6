"""Triggers and leases: added once, run under one lease, ended by its holder alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from pipeline.lineage.database import reading
from pipeline.schedule import tables
from pipeline.schedule.leases import Lease, Watch, renew
from pipeline.schedule.requests import request
from pipeline.schedule.schedules import Entry, pause_pipeline, register
from pipeline.schedule.states import Outcome
from pipeline.schedule.triggers import Due, Trigger, Triggers

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)


def due(hour: int) -> Due:
    at = NOW + hour * HOUR
    return Due("cron", at.isoformat(), at, f"{at:%H:%M}")


@pytest.fixture
def make(engine: Engine) -> Any:
    """The triggers of a registered pipeline, under a policy."""

    def of(overlap: str = "queue") -> Triggers:
        register(engine, Entry("news", "news.yaml", "cron 0 3 * * *", "UTC"), NOW)
        return Triggers(engine, "news", overlap)

    return of


def begin(triggers: Triggers, *, expired: bool = False) -> Trigger | None:
    """Takes the lease as it stands: when it is free, or was judged expired."""
    lease = triggers.situation().lease
    assert expired or lease is None or not lease.held
    return triggers.begin(lease, owner="me", length=30, now=NOW)


def fates(engine: Engine) -> list[tuple[str, str, str | None]]:
    """Reason, state and outcome of every trigger."""
    columns = tables.trigger.c
    chosen = select(columns.reason, columns.state, columns.outcome).order_by(columns.id)
    with reading(engine) as connection:
        return [(row.reason, row.state, row.outcome) for row in connection.execute(chosen)]


def test_two_daemons_that_see_a_fire_time_add_it_once(engine: Engine, make: Any) -> None:
    assert make().add([due(0), due(1)], NOW, None) == [due(0), due(1)]
    assert make().add([due(1), due(2)], NOW, None) == [due(2)]
    assert [reason for reason, _, _ in fates(engine)] == ["03:00", "04:00", "05:00"]


def test_they_are_run_in_their_order(engine: Engine, make: Any) -> None:
    triggers = make()
    triggers.add([due(0), due(1)], NOW, None)
    for reason in ("03:00", "04:00"):
        trigger = begin(triggers)
        assert trigger is not None and trigger.reason == reason
        assert triggers.end(trigger, Outcome.SUCCEEDED, run_id="r", detail="", now=NOW)
    assert begin(triggers) is None
    assert fates(engine) == [("03:00", "ended", "succeeded"), ("04:00", "ended", "succeeded")]


def test_skip_drops_what_comes_meanwhile_but_no_request(engine: Engine, make: Any) -> None:
    triggers = make("skip")
    triggers.add([due(0)], NOW, None)
    assert begin(triggers)
    assert [start.outcome for start in triggers.add([due(1)], NOW, None)] == [Outcome.SKIPPED]
    request(engine, "news", reason="by hand")
    assert fates(engine) == [
        ("03:00", "running", None),
        ("04:00", "ended", "skipped"),
        ("by hand", "pending", None),
    ]


def test_cancel_previous_runs_the_newest(engine: Engine, make: Any) -> None:
    triggers = make("cancel-previous")
    triggers.add([due(0), due(1), due(2)], NOW, None)
    trigger = begin(triggers)
    assert trigger is not None and trigger.reason == "05:00"
    assert [outcome for _, _, outcome in fates(engine)] == ["superseded", "superseded", None]


def test_a_lease_that_is_held_cannot_be_taken_by_who_saw_it_free(make: Any) -> None:
    triggers = make()
    triggers.add([due(0), due(1)], NOW, None)
    free = triggers.situation().lease
    assert begin(triggers)
    assert triggers.begin(free, owner="another", length=30, now=NOW) is None
    assert triggers.situation().newest_pending


def test_the_next_daemon_takes_up_what_a_dead_one_ran_and_shuts_it_out(engine: Engine, make: Any) -> None:
    triggers = make()
    triggers.add([due(0), due(1)], NOW, None)
    dead = begin(triggers)
    taken = begin(triggers, expired=True)
    assert dead is not None and taken is not None
    assert (taken.id, taken.starts, taken.token) == (dead.id, 2, dead.token + 1)
    assert not renew(engine, "news", dead.token)
    assert not triggers.end(dead, Outcome.SUCCEEDED, run_id="late", detail="", now=NOW)
    assert not triggers.hand_back(dead)
    assert renew(engine, "news", taken.token)
    assert triggers.end(taken, Outcome.REFUSED, run_id="r", detail="", now=NOW)
    assert fates(engine)[0] == ("03:00", "ended", "refused")


def test_a_heartbeat_keeps_the_lease_from_who_judged_it_expired(engine: Engine, make: Any) -> None:
    triggers = make()
    triggers.add([due(0)], NOW, None)
    trigger, stale = begin(triggers), triggers.situation().lease
    assert trigger is not None and renew(engine, "news", trigger.token)
    assert triggers.begin(stale, owner="another", length=30, now=NOW) is None


def test_what_is_handed_back_comes_first_again(make: Any) -> None:
    triggers = make()
    triggers.add([due(0), due(1)], NOW, None)
    first = begin(triggers)
    assert first is not None and triggers.hand_back(first)
    again = begin(triggers)
    assert again is not None and (again.id, again.starts) == (first.id, 2)


def test_a_paused_pipeline_lets_fire_times_pass(engine: Engine, make: Any) -> None:
    triggers = make()
    pause_pipeline(engine, "news", paused=True)
    assert triggers.add([due(0)], NOW, None) == []
    assert triggers.situation().paused
    pause_pipeline(engine, "news", paused=False)
    assert triggers.add([due(1)], NOW, None) == [due(1)]
    assert [reason for reason, _, _ in fates(engine)] == ["04:00"]


def span(number: int) -> Due:
    return Due("span", f"{number}/0", NOW, f"span {number}", passes=False)


def test_new_spans_start_one_run_together_and_wait_for_it_whatever_the_policy(engine: Engine, make: Any) -> None:
    triggers = make("skip")
    triggers.add([span(1), span(2)], NOW, None)
    assert begin(triggers)
    triggers.add([span(1), span(2), span(3), due(0)], NOW, None)
    assert fates(engine) == [
        ("span 1", "ended", "superseded"),
        ("span 2", "running", None),
        ("span 3", "pending", None),
        ("03:00", "ended", "skipped"),
    ]


def test_an_older_span_that_comes_late_starts_a_run_too(engine: Engine, make: Any) -> None:
    make().add([span(1), span(3)], NOW, None)
    make().add([span(1), span(2), span(3)], NOW, None)
    assert fates(engine)[-1] == ("span 2", "pending", None)


def test_old_fire_times_are_forgotten_but_no_span(engine: Engine, make: Any) -> None:
    triggers = make("skip")
    triggers.add([span(1), due(0), due(1), due(30)], NOW, None)
    assert [fate for _, fate, _ in fates(engine)] == ["pending", "ended", "ended", "ended"]
    assert triggers.forget(NOW + 2 * HOUR) == 2
    assert [reason for reason, _, _ in fates(engine)] == ["span 1", due(30).reason]


def test_fire_times_are_gone_on_with_from_where_they_were_looked_at(engine: Engine, make: Any) -> None:
    make().add([], NOW + 5 * HOUR, None)
    assert register(engine, Entry("news", "news.yaml", "cron", "UTC"), NOW + 9 * HOUR) == NOW + 5 * HOUR


def lease(heartbeat: int, *, token: int = 1, held: bool = True) -> Lease:
    return Lease("me", token, heartbeat, length=30.0, held=held)


def test_a_lease_expires_after_its_length_without_a_heartbeat() -> None:
    watch = Watch()
    assert watch.is_free(None, 0.0)
    assert [watch.is_free(lease(7), now) for now in (0.0, 29.0, 30.0)] == [False] * 3
    assert [watch.is_free(lease(8), now) for now in (31.0, 60.0, 61.5)] == [False, False, True]
    assert [watch.is_free(lease(0, token=2), now) for now in (62.0, 90.0, 93.0)] == [False, False, True]
    assert watch.is_free(lease(0, token=2, held=False), 93.0)
