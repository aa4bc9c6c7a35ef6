import threading
import time

import pytest

from serving.turns import TurnTaking, step_aside


def test_two_work_at_once_and_more_where_some_step_aside() -> None:
    pool = TurnTaking(4, "test")
    release, running, most, lock = threading.Event(), [0], [0], threading.Lock()

    def work(long: bool) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        if long:
            step_aside()
        assert release.wait(20)
        with lock:
            running[0] -= 1

    for long, expected in ((False, 2), (True, 4)):
        release.clear()
        most[0] = 0
        futures = [pool.submit(work, long) for _ in range(6)]
        end = time.monotonic() + 10
        while running[0] < expected and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(0.1)
        assert most[0] == expected
        release.set()
        for future in futures:
            future.result(10)
    pool.shutdown()
    with pytest.raises(RuntimeError):
        pool.submit(work, False)


def test_results_and_errors_come_back_and_what_waits_at_the_end_is_done() -> None:
    pool = TurnTaking(2, "test")
    results = [pool.submit(pow, 2, number) for number in range(500)]
    failed = pool.submit(int, "x")
    pool.shutdown()
    assert [future.result() for future in results] == [2**number for number in range(500)]
    assert isinstance(failed.exception(), ValueError)
    step_aside()  # outside of a pool: nothing
