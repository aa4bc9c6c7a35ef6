from serving.access.limits import TokenBucket


def test_a_second_s_worth_at_once_and_then_the_rate() -> None:
    now = [0.0]
    bucket = TokenBucket(4, clock=lambda: now[0])
    assert [bucket.take() for _ in range(5)] == [True] * 4 + [False]
    now[0] += 0.25
    assert [bucket.take() for _ in range(2)] == [True, False]
    now[0] += 100
    assert sum(bucket.take() for _ in range(10)) == 4


def test_less_than_one_a_second() -> None:
    now = [0.0]
    bucket = TokenBucket(0.5, clock=lambda: now[0])
    taken = []
    for _ in range(8):
        taken.append(bucket.take())
        now[0] += 0.5
    assert taken == [True, False, False, False, True, False, False, False]
