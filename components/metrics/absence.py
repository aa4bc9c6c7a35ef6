"""Where there is no champion: why, and what the pipeline file says of that."""

from dataclasses import dataclass
from typing import Final

from schemas.config import EvaluationConfig
from schemas.config.evaluation import WithoutChampion

NONE_YET: Final = "no model has been blessed yet"

_MEANS: Final[dict[WithoutChampion, str]] = {
    "bless": "rules against the champion are skipped",
    "baseline": "the candidate must beat the baseline instead",
    "refuse": "no candidate is blessed without one",
}


@dataclass(frozen=True)
class Absence:
    """Why there is nothing to compare with.

    Attributes:
        reason: in words.
        setting: the key of `evaluation:` that decides.
        policy: what it says.
    """

    reason: str
    setting: str
    policy: WithoutChampion

    @classmethod
    def of_first_run(cls, evaluation: EvaluationConfig) -> "Absence":
        """No model has been blessed."""
        return cls(NONE_YET, "first_run", evaluation.first_run)

    @classmethod
    def of_lost_champion(cls, reason: str, evaluation: EvaluationConfig) -> "Absence":
        """There is a champion, and a reason why it cannot be asked."""
        return cls(reason, "lost_champion", evaluation.lost_champion)

    def note(self) -> str:
        """The line that says so whenever it matters."""
        return f"{self.reason}: {_MEANS[self.policy]} (`evaluation.{self.setting}: {self.policy}`)"

    def way_out(self) -> str:
        """How a person blesses a model all the same."""
        return f"{self.reason}. To bless one all the same, run with `--set evaluation.{self.setting}=bless`"
