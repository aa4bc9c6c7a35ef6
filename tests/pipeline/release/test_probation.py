"""When a candidate has stood its probation."""

from collections import Counter

import pytest

from pipeline.release.probation import Outcome, judge, not_loaded
from pipeline.release.servers import Counts
from schemas.config import ProbationConfig

RULES = ProbationConfig(seconds=60, requests=100, max_error_rate=0.02, max_latency_p99_ms=10)


def _counts(ok: int, failed: int = 0, taken_back: int = 0, slow: int = 0) -> Counts:
    codes = Counter(OK=ok, INTERNAL=failed, CANCELLED=taken_back)
    calls = ok + failed + taken_back
    return Counts(codes, Counter({5000.0: calls - slow, 50_000.0: calls, float("inf"): calls}))


@pytest.mark.parametrize(
    ("counts", "seconds", "outcome"),
    [
        (_counts(99), 3600, "waiting"),  # asked too little
        (_counts(100), 59, "waiting"),  # not long enough
        (_counts(98, 2), 60, "passed"),
        (_counts(97, 3), 60, "failed"),
        (_counts(97, 3), 1, "failed"),  # a broken limit ends it at once
        (_counts(3, 20), 3600, "waiting"),  # too little to judge by
        (_counts(99, 1, taken_back=50), 60, "passed"),  # whose clients went away
        (_counts(1000, slow=20), 60, "failed"),
        (_counts(1000, slow=5), 60, "passed"),
    ],
)
def test_the_rule(counts: Counts, seconds: float, outcome: Outcome) -> None:
    assert judge(RULES, counts, seconds).outcome == outcome


def test_time_alone_may_decide() -> None:
    rules = ProbationConfig(seconds=60, requests=0)
    assert [judge(rules, Counts(), seconds).outcome for seconds in (59, 60)] == ["waiting", "passed"]


def test_the_numbers_are_told() -> None:
    judged = judge(RULES, _counts(50, 50), 120)
    assert judged.reasons == "error_rate 50.00%, where at most 2.00% was asked"
    assert [(rule.rule, rule.found) for rule in judged.verdict.rules] == [
        ("requests", "100"),
        ("seconds", "2 min 00 s"),
        ("error_rate", "50.00%"),
        ("latency_p99_ms", "4.95"),
    ]
    assert not_loaded("no saved_model.pb").reasons == "loads no saved_model.pb, where every server loads it was asked"


def test_latencies_are_interpolated_within_a_bucket() -> None:
    counts = Counts(Counter(OK=100), Counter({1000.0: 50, 3000.0: 90, float("inf"): 100}))
    assert [counts.latency_ms(share) for share in (0.25, 0.5, 0.7, 0.9, 0.99)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert Counts().latency_ms(0.99) == 0.0
