import pytest

from serving.client.retries import Attempts, Retries
from serving.errors import Code, ServingError

AWAY = ServingError(Code.UNAVAILABLE, "away")


def test_pauses_grow_to_their_limit() -> None:
    retries = Retries(attempts=200, first_seconds=0.1, most_seconds=0.8)
    longest = []
    for attempt in range(6):
        samples = []
        for _ in range(300):
            attempts = Attempts(retries, 1000, clock=lambda: 0.0)
            pauses = [attempts.pause(AWAY) for _ in range(attempt + 1)]
            samples.append(pauses[-1])
        longest.append(max(samples))
    for found, limit in zip(longest, (0.1, 0.2, 0.4, 0.8, 0.8, 0.8), strict=True):
        assert 0.9 * limit < found <= limit


@pytest.mark.parametrize("code", [Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.DEADLINE_EXCEEDED, Code.INTERNAL])
def test_what_would_fail_again_is_not_tried_again(code: Code) -> None:
    error = ServingError(code, "no")
    with pytest.raises(ServingError) as raised:
        Attempts(Retries(), 10).pause(error)
    assert raised.value is error


def test_attempts_and_time_end() -> None:
    attempts = Attempts(Retries(attempts=3), 100, clock=lambda: 0.0)
    attempts.pause(AWAY)
    attempts.pause(ServingError(Code.RESOURCE_EXHAUSTED, "too many"))
    with pytest.raises(ServingError, match="away"):
        attempts.pause(AWAY)

    now = [0.0]
    attempts = Attempts(Retries(), 1, clock=lambda: now[0])
    assert attempts.seconds_left == 1
    now[0] = 1.5
    assert attempts.seconds_left == 0
    with pytest.raises(ServingError, match="away"):
        attempts.pause(AWAY)
