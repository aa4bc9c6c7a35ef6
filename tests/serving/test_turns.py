import threading
import time

import pytest

from serving.turns import TurnTaking, step_aside


def test_two_work_at_once_and_others_once_they_step_aside() -> None:
    pool = TurnTaking(4, "test")
    release, began = threading.Event(), list[float]()

    def work(long: bool) -> None:
        began.append(time.monotonic())
        if long:
            step_aside()
        assert release.wait(20)

    futures = [pool.submit(work, True) for _ in range(6)]
    _until(lambda: len(began) == 4)
    time.sleep(0.15)
    assert len(began) == 4  # there are no more threads
    release.set()
    for future in futures:
        future.result(10)
    pool.shutdown()
    with pytest.raises(RuntimeError):
        pool.submit(work, False)


def test_who_does_not_come_to_an_end_loses_the_turn() -> None:
    pool = TurnTaking(4, "test")
    release = threading.Event()
    stuck = [pool.submit(release.wait, 20) for _ in range(3)]
    assert pool.submit(pow, 2, 3).result(10) == 8
    release.set()
    assert [future.result(10) for future in stuck] == [True] * 3
    assert [future.result(10) for future in [pool.submit(pow, 2, n) for n in range(9)]] == [2**n for n in range(9)]
    pool.shutdown()


def test_results_and_errors_come_back_and_what_waits_at_the_end_is_done() -> None:
    pool = TurnTaking(2, "test")
    results = [pool.submit(pow, 2, number) for number in range(500)]
    failed = pool.submit(int, "x")
    pool.shutdown()
    assert [future.result() for future in results] == [2**number for number in range(500)]
    assert isinstance(failed.exception(), ValueError)
    step_aside()  # outside of a pool: nothing


def _until(condition: object) -> None:
    end = time.monotonic() + 10
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.002)
