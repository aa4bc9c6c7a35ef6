"""Section `evaluation`: how the exported model is judged."""

from typing import Literal, Self

from pydantic import Field, PositiveInt, model_validator

from schemas.config.section import Section

WithoutChampion = Literal["bless", "baseline", "refuse"]
"""What becomes of a candidate where there is no champion to compare with: the rules against it are skipped; or the
candidate must beat the baseline instead, the majority class or the mean; or it is refused."""


class RequireRule(Section):
    """One condition on a metric, absolute or against the champion."""

    metric: str
    """A metric of the evaluation: `accuracy`, `f1_macro`, `roc_auc`, `log_loss`, `mse`, ..."""

    at_least: float | None = None
    at_most: float | None = None
    champion: bool = False
    """Compare with the newest blessed model on the same examples; skipped, and said so, when there is none."""

    no_worse_by: float | None = Field(default=None, ge=0)
    """With `champion`: how much worse the candidate may be."""

    better_by: float | None = Field(default=None, ge=0)
    """With `champion`: how much better the candidate must be."""

    significance: float | None = Field(default=None, gt=0, le=0.5)
    """With `champion`: the rule must be shown to hold, at this level of a one-sided paired test: `no_worse_by` is
    non-inferiority, `better_by` superiority, and too few examples refuse. The test is McNemar's for `accuracy` and
    `subset_accuracy` (Tango's, which is McNemar's with a margin), else the paired bootstrap. Unless given, the
    difference that was found decides by itself."""

    slice: str | None = None
    """Only on this slice, such as `label=ship`; the whole split unless given."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        absolute, relative = (self.at_least, self.at_most), (self.no_worse_by, self.better_by)
        if all(limit is None for limit in absolute + relative):
            raise ValueError(
                "a rule needs one of `at_least`, `at_most`, or `champion: true` with `no_worse_by` or `better_by`"
            )
        if self.champion == all(limit is None for limit in relative):
            raise ValueError("`no_worse_by` and `better_by` go with `champion: true`, and it with one of them")
        if self.significance is not None and not self.champion:
            raise ValueError("`significance` is of a difference: it goes with `champion: true`")
        return self

    @property
    def margins(self) -> tuple[float, ...]:
        """The limits against the champion: how much better the candidate must be, negative for worse."""
        worse = () if self.no_worse_by is None else (-self.no_worse_by,)
        return worse if self.better_by is None else (*worse, self.better_by)


class EvaluationConfig(Section):
    """How the exported model is judged."""

    split: str | None = None
    """The split to judge on; `test` where there is one, else the eval split."""

    slices: tuple[str | tuple[str, ...], ...] = ()
    """Columns to slice by; a list of columns is a cross."""

    top_k: tuple[PositiveInt, ...] = (3,)
    """The k's of top-k accuracy."""

    confidence: float = Field(default=0.95, gt=0, lt=1)
    bootstrap_samples: int = Field(default=200, ge=0)
    """Poisson bootstrap replicates for metrics without a closed-form interval; 0 for none."""

    require: tuple[RequireRule, ...] = ()
    """Conditions for a blessing; unless given, the model must beat the majority class (or the mean)."""

    first_run: WithoutChampion = "bless"
    """What rules against the champion mean while no model has been blessed: they are skipped (`bless`), the candidate
    must beat the majority class, or the mean, in their place (`baseline`), or it is not blessed (`refuse`)."""

    lost_champion: WithoutChampion = "bless"
    """The same where there is a champion that cannot be asked: its files are gone or damaged, or it is of other
    columns, of another task, or of other labels altogether."""
