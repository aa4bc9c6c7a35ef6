import math
import threading

import pytest

from serving.deadline import seconds_left, within


def test_time_runs_out_and_limits_end_with_their_block() -> None:
    assert seconds_left() is None
    with within(50):
        assert seconds_left() == pytest.approx(50, abs=1)
        with within(-1):
            assert seconds_left() == 0
        with within(None):
            assert seconds_left() is None
        found: list[float | None] = []
        thread = threading.Thread(target=lambda: found.append(seconds_left()))
        thread.start()
        thread.join()
        assert found == [None]
        assert seconds_left() == pytest.approx(50, abs=1)
    assert seconds_left() is None


@pytest.mark.parametrize("seconds", [math.inf, 9e9])
def test_ages_are_no_limit(seconds: float) -> None:
    with within(seconds):
        assert seconds_left() is None
