"""Whether a candidate has stood its probation: a table of rules, like a gate's."""

from dataclasses import dataclass
from typing import Literal

from pipeline.release.servers import Counts
from pipeline.tables import duration
from schemas.config import ProbationConfig
from schemas.verdict import RuleVerdict, Verdict

Outcome = Literal["waiting", "passed", "failed"]


@dataclass(frozen=True)
class Judgement:
    """What became of a probation: `waiting` while it was asked too little, or not long enough."""

    outcome: Outcome
    verdict: Verdict

    @property
    def reasons(self) -> str:
        """The limits that it broke."""
        failed = [rule for rule in self.verdict.rules if rule.verdict == "failed"]
        return "; ".join(f"{rule.rule} {rule.found}, where {rule.expected} was asked" for rule in failed)


def judge(config: ProbationConfig, counts: Counts, seconds: float) -> Judgement:
    """Judges a candidate.

    Limits count once it was asked `requests` times: one that is broken then ends the probation at once, however short
    it was. It has passed when it keeps to all of them, and `seconds` are over.

    Args:
        config: the rules.
        counts: its calls.
        seconds: how long it has had its label.
    """
    enough = counts.calls >= config.requests
    limits = [_limit("error_rate", config.max_error_rate, counts.error_rate, "{:.2%}", enough)]
    if config.max_latency_p99_ms is not None:
        found = counts.latency_ms(0.99)
        limits.append(_limit("latency_p99_ms", config.max_latency_p99_ms, found, "{:.3g}", enough))
    if config.max_disagreement is not None:
        limits.append(_limit("disagreement", config.max_disagreement, counts.disagreement, "{:.2%}", enough))
    reached = [
        _reached("requests", f"at least {config.requests}", str(counts.calls), enough),
        _reached("seconds", f"at least {duration(config.seconds)}", duration(seconds), seconds >= config.seconds),
    ]
    verdict = Verdict(rules=(*reached, *limits))
    if verdict.refused:
        return Judgement("failed", verdict)
    return Judgement("passed" if all(rule.verdict == "passed" for rule in verdict.rules) else "waiting", verdict)


def not_loaded(message: str) -> Judgement:
    """The judgement of a candidate that a server cannot load."""
    rule = RuleVerdict(rule="loads", expected="every server loads it", found=message, verdict="failed")
    return Judgement("failed", Verdict(rules=(rule,)))


def _limit(rule: str, limit: float, found: float, form: str, enough: bool) -> RuleVerdict:
    said = form.format(found)
    verdict: Literal["passed", "failed"] = "passed" if found <= limit else "failed"
    return RuleVerdict(
        rule=rule, expected=f"at most {form.format(limit)}", found=said, verdict=verdict if enough else "skipped"
    )


def _reached(rule: str, expected: str, found: str, reached: bool) -> RuleVerdict:
    return RuleVerdict(rule=rule, expected=expected, found=found, verdict="passed" if reached else "skipped")
