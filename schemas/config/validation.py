"""Section `validation`: ExampleValidator's rules."""

from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from schemas.config.section import Section
from schemas.verdict import Severity


class RuleConfig(Section):
    """One rule of ExampleValidator: how bad a breach is, and the limit where the rule has one."""

    severity: Severity | Literal["off"] | None = None
    at_most: float | None = Field(default=None, ge=0)

    @field_validator("severity", mode="before")
    @classmethod
    def _off_is_a_word(cls, value: object) -> object:
        """YAML 1.1 reads a bare `off` as false."""
        return "off" if value is False else value


class EmbeddingDriftRule(Section):
    """A comparison of texts or pictures by the vectors that a model makes of them.

    It is made only where it is asked for: it loads TensorFlow and the model, which then answers for two samples.
    """

    severity: Severity = "warning"
    at_most: float = Field(default=0.02, ge=0, le=1)
    """The energy distance, as a coefficient from 0 to 1. Where topics shift by a fifth it is about this."""

    sample: int = Field(default=500, ge=50, le=5000)
    """Examples drawn from each side. Their distances are held in memory: of 500 and 500 they take 8 MB."""

    @property
    def rule(self) -> RuleConfig:
        return RuleConfig(severity=self.severity, at_most=self.at_most)


def with_default(given: object, default: object, info: ValidationInfo) -> object:
    """A rule with what its default says and the file does not: `leakage: {severity: warning}` keeps the limit."""
    if not isinstance(given, RuleConfig) or not isinstance(default, RuleConfig):
        return given
    if given.at_most is not None and default.at_most is None:
        raise ValueError(f"`{info.field_name}` holds or does not: it has no `at_most`")
    return default.model_copy(update=given.model_dump(exclude_none=True))


class ValidationConfig(Section):
    """ExampleValidator's rules. What is not given keeps the rule's own default."""

    invalid_utf8: RuleConfig = RuleConfig(severity="error", at_most=0.01)
    """Share of rows with bytes that are not UTF-8 (kept, with U+FFFD in their place)."""

    nul_byte: RuleConfig = RuleConfig(severity="warning", at_most=0.0)
    """Share of rows that hold a NUL character."""

    ragged_row: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    """Share of rows with too few or too many fields (left out)."""

    malformed_row: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    """Share of rows that cannot be parsed at all, such as a broken JSON line (left out)."""

    missing_label: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    """Share of rows without a label (left out)."""

    missing_image: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    """Share of rows without a picture, or whose path leads to no file below `images.root` (left out)."""

    empty_image: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    """Share of pictures of no bytes at all (left out)."""

    not_an_image: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    """Share of files, or values, that are no JPEG, PNG, BMP, GIF or WebP, whatever their name says (left out)."""

    oversized_image: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    """Share of pictures above `images.max_pixels` or `images.max_bytes` (left out, and never decoded)."""

    undecodable_image: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    """Share of pictures that are cut off or damaged (left out)."""

    empty_class: RuleConfig = RuleConfig(severity="warning", at_most=0.0)
    """Folders of a class without a file, as a share of the files there are."""

    empty_span: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    """Share of the spans that hold no example: no file, files of no bytes, or no row that could be kept."""

    single_class: RuleConfig = RuleConfig(severity="error")
    """The training split must hold at least two labels."""

    missing_class: RuleConfig = RuleConfig(severity="warning")
    """Every class of the schema must have an example in the training split."""

    unknown_label: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    """Share of labels outside the schema's domain."""

    new_labels: Literal["stop", "ignore", "grow"] = "stop"
    """What becomes of labels that the schema does not know: `unknown_label` stops for them (`stop`); it warns of them,
    and their rows are left out of training and count as wrong in the evaluation (`ignore`); or those of the training
    split are added to the frozen schema, whose file is written anew (`grow`). A curated schema is never written."""

    missing_feature: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    """Share of examples that lack a feature beyond what the schema allows."""

    wrong_type: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    out_of_domain: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    """Share of values outside a feature's domain in the schema."""

    empty_text: RuleConfig = RuleConfig(severity="warning", at_most=0.01)
    """Share of texts that are empty or near-empty."""

    blank_image: RuleConfig = RuleConfig(severity="warning", at_most=0.01)
    """Share of pictures of a single color."""

    duplicates: RuleConfig = RuleConfig(severity="warning", at_most=0.1)
    """Share of training texts, or pictures, that repeat an earlier one exactly."""

    near_duplicates: RuleConfig = RuleConfig(severity="warning", at_most=0.2)
    """Share of training texts, or pictures, that nearly repeat another."""

    conflicting_labels: RuleConfig = RuleConfig(severity="warning", at_most=0.01)
    """Share of texts, or pictures, that stand under more than one label."""

    leakage: RuleConfig = RuleConfig(severity="error", at_most=0.05)
    """Share of another split's texts, or pictures, that also stand in the training split."""

    near_leakage: RuleConfig = RuleConfig(severity="warning", at_most=0.05)
    """Share of another split's pictures that look like one of the training split's without being the same."""

    label_shift: RuleConfig = RuleConfig(severity="error", at_most=0.2)
    """L-infinity distance between a split's label distribution and the training split's."""

    drift_linf: RuleConfig = RuleConfig(severity="warning", at_most=0.1)
    """How much a share of a label, a category, a script or a format of pictures may differ from the training data that
    passed last (L-infinity). Drift is a warning unless told otherwise: what has truly changed is to be trained on."""

    drift_js: RuleConfig = RuleConfig(severity="warning", at_most=0.1)
    """Jensen-Shannon divergence, 0 to 1, of labels, categories, numbers, token lengths, and sizes and brightness of
    pictures from the training data that passed last."""

    drift_psi: RuleConfig = RuleConfig(severity="warning", at_most=0.25)
    """Population stability index of the same. By rule of thumb 0.1 to 0.25 is a small shift, more a large one
    (Siddiqi, Credit Risk Scorecards, 2006)."""

    embedding_drift: EmbeddingDriftRule | None = None
    """Given (`embedding_drift: {}`), training texts or pictures are compared with those that passed last, by the
    vectors of the champion's signature `embed`."""

    @field_validator("*")
    @classmethod
    def _fill_in_the_default(cls, rule: object, info: ValidationInfo) -> object:
        return with_default(rule, cls.model_fields[info.field_name or ""].default, info)

    def of(self, rule: str) -> RuleConfig:
        """What is asked of a rule: to ignore new labels is to be warned of them."""
        config: RuleConfig = getattr(self, rule)
        if rule == "unknown_label" and self.new_labels == "ignore" and config.severity != "off":
            return config.model_copy(update={"severity": "warning"})
        return config
