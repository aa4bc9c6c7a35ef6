"""Section `monitoring`: what `trainworks monitor` looks at, and what it says no to."""

from typing import Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from schemas.config.data import Globs
from schemas.config.section import Section
from schemas.config.validation import EmbeddingDriftRule, RuleConfig, with_default
from schemas.period import seconds_of
from schemas.verdict import Severity

LabelFormat = Literal["csv", "jsonl", "parquet"]


class LiveAccuracyRule(Section):
    """The share of answers that were right, as far as their labels have come."""

    at_least: float = Field(ge=0, le=1)
    severity: Severity = "error"


class DelayedLabels(Section):
    """True labels that come later, joined to what was predicted.

    In the file: `labels: {files: feedback/*.csv, key: ticket}`.
    """

    files: Globs
    format: LabelFormat | None = None
    """Of the files; by their names unless given."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    key: str | None = None
    """A column of the label files that requests have, too, in their tf.Example. Unless given, an answer is found by
    what was asked: the label files have the columns of `data.features`."""

    label: str | None = None
    """The column of the true label; that of `data.label` unless given."""

    window: str = "30d"
    """How far back predictions are joined."""

    @field_validator("window")
    @classmethod
    def _is_a_period(cls, value: str) -> str:
        seconds_of(value)
        return value


class MonitoringConfig(Section):
    """What a served model is asked and answers, held against its training data and its evaluation.

    A breach makes `trainworks monitor` end with exit code 3; that of a version which another one has replaced is a
    warning. What is not given keeps the rule's own default.
    """

    logs: Globs
    """Files that `trainworks serve --request_log` writes: `requests/<model>/*`, say."""

    window: str = "24h"
    """How far back requests are looked at, from now."""

    trigger: bool = False
    """Ask the schedule's daemon to run the pipeline when a rule of severity `error` fails."""

    labels: DelayedLabels | None = None

    unreadable_log: RuleConfig = RuleConfig(severity="warning", at_most=0.01)
    """Share of records that are damaged, and files that cannot be read. (The half record that a file ends in while it
    is written is none.)"""

    skew_linf: RuleConfig = RuleConfig(severity="error", at_most=0.2)
    """How much a share of a category, a script or a format of pictures among requests may differ from training
    (L-infinity)."""

    skew_js: RuleConfig = RuleConfig(severity="error", at_most=0.1)
    """Jensen-Shannon divergence, 0 to 1, of what is asked from training."""

    skew_psi: RuleConfig = RuleConfig(severity="warning", at_most=0.25)
    """Population stability index of the same."""

    prediction_linf: RuleConfig = RuleConfig(severity="error", at_most=0.2)
    """How much the share of a predicted label may differ from the predictions in the evaluation (L-infinity)."""

    prediction_js: RuleConfig = RuleConfig(severity="error", at_most=0.1)
    """Jensen-Shannon divergence of predicted labels and of scores, or numbers, from those of the evaluation."""

    prediction_psi: RuleConfig = RuleConfig(severity="warning", at_most=0.25)
    """Population stability index of the same."""

    embedding_drift: EmbeddingDriftRule | None = None
    """Given (`embedding_drift: {}`), texts or pictures of requests are compared with the training data, by the vectors
    of the served version's signature `embed`."""

    live_accuracy: LiveAccuracyRule | None = None
    """With `labels`: what accuracy must be. It fails where the accuracy's whole 95 % interval lies below."""

    @field_validator("window")
    @classmethod
    def _is_a_period(cls, value: str) -> str:
        seconds_of(value)
        return value

    @field_validator("*")
    @classmethod
    def _fill_in_the_default(cls, rule: object, info: ValidationInfo) -> object:
        return with_default(rule, cls.model_fields[info.field_name or ""].default, info)

    @model_validator(mode="after")
    def _accuracy_needs_labels(self) -> Self:
        if self.live_accuracy is not None and self.labels is None:
            raise ValueError("`live_accuracy` needs `labels`, the files of true labels")
        return self
