"""The verdict of a gate: a table of rules, each with what was expected, what was found and whether it may pass.

Gates (ExampleValidator, Evaluator, InfraValidator) write it as `verdict.json` into the artifact that carries their
decision; the runner reads it back, from a fresh run and from a cached one alike, and stops at a refusal.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

Severity = Literal["error", "warning"]


class RuleVerdict(BaseModel):
    """One rule: `skipped` is for a rule that could not apply (no champion yet), and `expected` then says why.

    `rows` are example rows, `file:line` or `file:line: value`, at most a handful.
    """

    model_config = ConfigDict(frozen=True)

    rule: str
    expected: str
    found: str
    verdict: Literal["passed", "failed", "skipped"]
    severity: Severity = "error"
    rows: tuple[str, ...] = ()


class Verdict(BaseModel):
    """All rules of one gate; refused when any rule of severity `error` failed.

    `notes` are what a person is told beside the rules whenever this verdict counts, be it fresh or from cache.
    """

    model_config = ConfigDict(frozen=True)

    rules: tuple[RuleVerdict, ...]
    notes: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        return bool(self.broken)

    @property
    def broken(self) -> tuple[RuleVerdict, ...]:
        """The rules that refuse."""
        return tuple(rule for rule in self.rules if rule.verdict == "failed" and rule.severity == "error")

    @property
    def refusal(self) -> str:
        """What refuses, on one line: each rule once, with what was found first, without the advice that follows it."""
        found: dict[str, str] = {}
        for rule in self.broken:
            found.setdefault(rule.rule, rule.found.partition(". ")[0])
        return "; ".join(f"{rule}, found {what}" for rule, what in found.items())

    def save(self, folder: Path) -> None:
        (folder / "verdict.json").write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Verdict":
        return cls.model_validate_json((folder / "verdict.json").read_bytes())
