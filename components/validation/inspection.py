"""What every rule of ExampleValidator looks at, and what it answers."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from schemas.config import RuleConfig
from schemas.features import find_feature, string_domain
from schemas.ingestion import FeatureType, Ingestion
from schemas.statistics import ImageQuality, Quality, SplitView, TextQuality
from schemas.verdict import RuleVerdict, Severity

TRAIN: Final = "train"
ANEW: Final = "a frozen schema stands beside the pipeline file; deleted, it is inferred anew"
"""What to do where not the data are wrong, but the schema."""
_SHOWN = 5
Reason = anomalies_pb2.AnomalyInfo


class Rows(Protocol):
    """Looks up examples: how many values of a column a test holds for, and where the first of them stand."""

    def find(self, split: str, column: str, test: "ValueTest") -> tuple[int, tuple[str, ...]]: ...


@dataclass(frozen=True)
class ValueTest:
    """What rows are looked for: those without a value, or with one outside a domain.

    Args:
        missing: rows without a value.
        outside: values that are not among these.
        low, high: values below or above these bounds.
        not_finite: NaN and infinite values.
        more_than: rows with more values than this.
        fewer_than: rows with values, but fewer than this.
        larger_than: values of more bytes than this.
        unlike: values that cannot be read as of this type.
    """

    missing: bool = False
    outside: frozenset[str] | None = None
    low: float | None = None
    high: float | None = None
    not_finite: bool = False
    more_than: int | None = None
    fewer_than: int | None = None
    larger_than: int | None = None
    unlike: FeatureType | None = None


@dataclass(frozen=True)
class Check:
    """One thing that a rule looked at.

    Args:
        split: where.
        share: what is held against the rule's `at_most`.
        found: what was found, in words.
        feature: the feature it is about; empty when about whole rows.
        reason: the anomaly's type, of `AnomalyInfo.Type`.
        rows: example rows, looked up only when the rule fails.
        telling: whether what was found is worth telling where the rule passes, even with a share of zero.
        limit: the check's own, in place of the rule's.
        measured: the distance that a comparison found.
    """

    split: str
    share: float
    found: str
    feature: str = ""
    reason: int = Reason.CUSTOM_VALIDATION
    rows: Callable[[], tuple[str, ...]] = tuple
    telling: bool = False
    limit: float | None = None
    measured: "Measured | None" = None

    @property
    def badness(self) -> tuple[float, float]:
        """What checks are ordered by: the share, and of those with the same one the distance."""
        return self.share, self.measured.value if self.measured else 0.0


@dataclass(frozen=True)
class Measured:
    """A distance of two sets of examples.

    Args:
        metric: `linf`, `js`, `psi` or `energy`.
        quantity: what was compared, in words.
        value: the distance.
        chance: what chance alone may make of it.
        kind: what TensorFlow Data Validation calls it, of `DriftSkewInfo.Measurement.Type`.
    """

    metric: str
    quantity: str
    value: float
    chance: float
    kind: int = 0


@dataclass(frozen=True)
class Rule:
    """A rule as it was applied.

    Args:
        name: its name in the pipeline file.
        expected: what it asks for, in words, with `{limit}` for `at most 5 %` or `none`.
        checks: what it looked at.
        advice: what to do about a failure.
        skipped: why it could not apply; empty when it could.
        plain: whether the limit is a plain number, not a share in percent.
    """

    name: str
    expected: str
    checks: tuple[Check, ...] = ()
    advice: str = ""
    skipped: str = ""
    plain: bool = False

    def asks_for(self, limit: float) -> str:
        """`expected` with the limit in words."""
        shown = f"{limit:.3g}" if self.plain else percent(limit)
        return self.expected.format(limit=f"at most {shown}" if limit else "none")


@dataclass(frozen=True)
class Failure:
    """A check that broke its rule."""

    rule: str
    severity: Severity
    check: Check


@dataclass(frozen=True)
class Inspection:
    """The material of all rules. `splits` has the training split first; `label` is empty where there is none.

    `previous` is the training split of the data that passed last; `previous_missing` says why there is none.
    """

    ingestion: Ingestion
    splits: Mapping[str, SplitView]
    schema: schema_pb2.Schema
    label: str
    rows: Rows
    previous: SplitView | None = None
    previous_missing: str = "no data has passed before"

    @property
    def classification(self) -> bool:
        feature = find_feature(self.schema, self.label)
        return feature is not None and feature.type == schema_pb2.BYTES

    @property
    def classes(self) -> tuple[str, ...]:
        """The label's domain in the schema."""
        feature = find_feature(self.schema, self.label)
        return (string_domain(self.schema, feature) if feature else None) or ()

    @property
    def has_texts(self) -> bool:
        return any(self.texts())

    @property
    def has_images(self) -> bool:
        return any(self.images())

    def texts(self) -> Iterator[tuple[str, str, TextQuality]]:
        """Every split and text feature, and what is known of its texts."""
        for split in self.splits.values():
            for feature in split.text_features():
                yield split.name, feature.name, feature.texts

    def images(self) -> Iterator[tuple[str, str, ImageQuality]]:
        """The same of pictures."""
        for split in self.splits.values():
            for feature in split.image_features():
                yield split.name, feature.name, feature.images

    def compared(self) -> Iterator[tuple[str, str, Quality]]:
        """Texts and pictures: what is looked for more than once."""
        yield from self.texts()
        yield from self.images()


@dataclass
class Judgement:
    """Verdicts and failures of the rules so far."""

    verdicts: list[RuleVerdict] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    comparisons: list[Check] = field(default_factory=list)
    """Checks that measured a distance, whether within their limits or not."""

    def add(self, rule: Rule, config: RuleConfig) -> None:
        """Holds a rule's checks against its limit: a verdict for each split that fails, or one for all that pass."""
        if config.severity == "off":
            return
        severity, limit = config.severity or "error", config.at_most or 0.0
        expected = rule.asks_for(limit)
        if rule.skipped:
            self._verdict(rule.name, expected=f"{expected}; {rule.skipped}", found="-", verdict="skipped", at=severity)
            return
        self.comparisons.extend(check for check in rule.checks if check.measured)
        failing = [check for check in rule.checks if check.share > (limit if check.limit is None else check.limit)]
        for check in failing:
            self.failures.append(Failure(rule.name, severity, check))
            found = f"{check.split}: {check.found}" + (f". {rule.advice}" if rule.advice else "")
            self._verdict(rule.name, expected=expected, found=found, verdict="failed", at=severity, rows=check.rows())
        if not failing:
            self._verdict(rule.name, expected=expected, found=_in_all(rule.checks), verdict="passed", at=severity)

    def _verdict(
        self, name: str, *, expected: str, found: str, verdict: str, at: Severity, rows: Iterable[str] = ()
    ) -> None:
        self.verdicts.append(
            RuleVerdict.model_validate(
                {
                    "rule": name,
                    "expected": expected,
                    "found": found,
                    "verdict": verdict,
                    "severity": at,
                    "rows": tuple(rows),
                }
            )
        )


def _in_all(checks: Iterable[Check]) -> str:
    """What was found where nothing failed: the worst of each split, unless there is nothing at all."""
    worst: dict[str, Check] = {}
    for check in checks:
        is_worst = check.split not in worst or check.badness > worst[check.split].badness
        if (check.share > 0 or check.telling) and is_worst:
            worst[check.split] = check
    return "; ".join(f"{check.split}: {check.found}" for check in worst.values()) or "none"


def known(rows: tuple[str, ...]) -> Callable[[], tuple[str, ...]]:
    """Rows that need no looking up."""
    return lambda: rows[:_SHOWN]


def percent(share: float) -> str:
    """A share for people: `0.5 %`."""
    return f"{share * 100:.3g} %"


def of(count: int, total: int, things: str) -> str:
    """`12 of 2,189 texts (0.55 %)`."""
    return f"{count:,} of {total:,} {things} ({count / max(total, 1) * 100:.3g} %)"


def ratio(count: float, total: float) -> float:
    return count / total if total else 0.0
