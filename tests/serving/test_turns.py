import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, SimpleQueue

import pytest

from serving.turns import TurnTaking, Work, step_aside
from tests.serving.clients import until


class Bell:
    """What threads listen to in these tests: all that was put here since."""

    def __init__(self) -> None:
        self._work = SimpleQueue[Work | None]()

    def ring(self, *work: Work | None) -> None:
        for one in work:
            self._work.put(one)

    def listen(self) -> Sequence[Work] | None:
        heard = [self._work.get()]
        while heard[-1] is not None:
            try:
                heard.append(self._work.get_nowait())
            except Empty:
                return [one for one in heard if one is not None]
        self._work.put(None)  # for who listens next
        return [one for one in heard if one is not None] or None


def _team(threads: int) -> tuple[Bell, TurnTaking]:
    bell = Bell()
    team = TurnTaking(threads, "test", bell.listen)
    team.start()
    return bell, team


def test_one_thread_hears_does_and_ends_all_that_is_there() -> None:
    done = list[tuple[str, int, int]]()
    bell = Bell()

    def work(number: int) -> Callable[[], object]:
        done.append(("work", number, threading.get_ident()))
        return lambda: done.append(("end", number, threading.get_ident()))

    bell.ring(*(partial(work, number) for number in range(5)))
    team = TurnTaking(4, "test", bell.listen)
    team.start()
    until(lambda: len(done) == 10)
    assert [(what, number) for what, number, _ in done] == [(what, n) for what in ("work", "end") for n in range(5)]
    assert len({thread for *_, thread in done}) == 1
    bell.ring(None)
    team.join(10)


def test_who_steps_aside_works_beside_others_and_what_is_too_much_waits() -> None:
    bell, team = _team(3)
    release, began, ended = threading.Event(), list[int](), list[int]()

    def work(number: int) -> Callable[[], object]:
        began.append(number)
        step_aside()
        assert release.wait(20)
        return lambda: ended.append(number)

    bell.ring(*(partial(work, number) for number in range(8)))
    until(lambda: len(began) == 3)
    time.sleep(0.15)
    assert began == [0, 1, 2]  # the fourth thread listens
    release.set()
    until(lambda: len(ended) == 8)
    assert sorted(ended) == sorted(began) == list(range(8))
    bell.ring(None)
    team.join(10)


def test_what_was_done_ends_before_its_thread_goes_on_to_something_long() -> None:
    bell, release, ended = Bell(), threading.Event(), list[str]()

    def long(ending: str, aside: bool) -> Callable[[], object]:
        if aside:
            step_aside()
        assert release.wait(20)
        return lambda: ended.append(ending)

    def quick() -> Callable[[], object]:
        return lambda: ended.append("quick")

    bell.ring(quick, partial(long, "aside", True), quick, partial(long, "stuck", False), quick)
    team = TurnTaking(4, "test", bell.listen)
    team.start()
    until(lambda: len(ended) == 3)
    assert ended == ["quick"] * 3
    release.set()
    until(lambda: len(ended) == 5)
    assert sorted(ended[3:]) == ["aside", "stuck"]
    bell.ring(None)
    team.join(10)


def test_who_does_not_come_to_an_end_loses_the_turn() -> None:
    bell, team = _team(4)
    release, done = threading.Event(), list[int]()
    for _ in range(3):
        bell.ring(lambda: release.wait(20) and None)
    bell.ring(lambda: done.append(pow(2, 3)))
    until(lambda: done == [8])
    release.set()
    bell.ring(*(partial(done.append, number) for number in range(500)))
    until(lambda: len(done) == 501)
    assert sorted(done[1:]) == list(range(500))
    bell.ring(None)
    team.join(10)


def test_threads_survive_what_they_do(caplog: pytest.LogCaptureFixture) -> None:
    bell, done = Bell(), list[int]()
    heard = iter([OSError("deaf"), OSError("deaf again")])

    def listen() -> Sequence[Work] | None:
        for error in heard:
            raise error
        return bell.listen()

    def fail() -> Callable[[], object]:
        raise SystemExit(1)

    team = TurnTaking(1, "test", listen)
    team.start()
    for _ in range(3):
        bell.ring(fail, lambda: lambda: 1 // 0)
    bell.ring(lambda: done.append(1))
    until(lambda: done)
    bell.ring(None)
    team.join(10)
    assert [record.message for record in caplog.records] == ["Listening failed"] * 2 + ["A thread's work failed"] * 6


def test_what_is_stuck_is_not_waited_for_at_the_end() -> None:
    bell, team = _team(2)
    release, began = threading.Event(), threading.Event()
    bell.ring(lambda: began.set() or (release.wait(20) and None))
    assert began.wait(10)
    bell.ring(None)
    start = time.monotonic()
    team.join(10)
    assert time.monotonic() - start < 5
    release.set()


def test_all_that_was_heard_is_done_by_the_end() -> None:
    bell, team = _team(2)
    done = list[int]()

    def slow(number: int) -> None:
        step_aside()
        time.sleep(0.01)
        done.append(number)

    bell.ring(*(partial(slow, number) for number in range(50)), None)
    until(lambda: len(done) == 50)
    assert sorted(done) == list(range(50))
    team.join(10)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("test-") and _works(thread)]
    step_aside()  # outside of a team: nothing


def _works(thread: threading.Thread) -> bool:
    return thread.is_alive() and not thread.name.endswith("-watch")
