"""The pipeline file: one YAML file describes a pipeline.

These pydantic models are a public interface: fields may be added, never renamed. Reading, line numbers and messages are
in `schemas/pipeline_file.py`.
"""

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from schemas.names import NAME
from schemas.verdict import Severity

if TYPE_CHECKING:
    from schemas.yaml_document import Document


class Section(BaseModel):
    """A part of the pipeline file: immutable, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Task = Literal["classification", "regression"]
Format = Literal["csv", "jsonl", "parquet", "tfrecord", "tfds"]
Globs = str | tuple[str, ...]


class HoldoutConfig(Section):
    """Splits cut from another split, stable when rows are added: an example's side depends on its own content alone.

    In the file: `holdout: {eval: 0.1, from: train, by: hash}`.
    """

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True)
    __pydantic_extra__: dict[str, float]

    source: str = Field(default="train", alias="from")
    """Split that is cut."""

    by: str = "hash"
    """`hash` of the features and the label, or the name of a column: rows that share its value stay on one side."""

    @property
    def fractions(self) -> dict[str, float]:
        """Split name to its share of the source split, each in (0, 1)."""
        return dict(self.__pydantic_extra__)

    @model_validator(mode="after")
    def _shares_leave_something(self) -> Self:
        shares = self.fractions
        if not shares:
            raise ValueError("a holdout must name a split and its share, such as `eval: 0.1`")
        if any(not 0 < share < 1 for share in shares.values()) or sum(shares.values()) >= 1:
            raise ValueError(f"shares of a holdout must lie between 0 and 1 and leave something to `{self.source}`")
        if self.source in shares:
            raise ValueError(f"a holdout cannot have the name of the split it is cut from, `{self.source}`")
        return self


class DataConfig(Section):
    """Where the examples are and what their columns mean."""

    format: Format
    splits: dict[str, Globs] = Field(min_length=1)
    """Split name to a glob, or a list of globs, of files; for `tfds`, to a split of the data set."""

    holdout: HoldoutConfig | None = None
    """Cut from a split. Unless given, and unless `splits` has `eval` or `validation`, 10 % of `train` become `eval`."""

    features: dict[str, str] = Field(min_length=1)
    """Model input to column."""

    label: str
    """The column to predict."""

    name: str | None = None
    """For `tfds`: the data set, such as `imdb_reviews` or `my_dataset:1.0.0`."""

    directory: str | None = None
    """For `tfds`: the folder that holds prepared data sets (`data_dir`)."""

    delimiter: str = Field(default=",", min_length=1, max_length=1)
    """For `csv`: the character between fields."""

    columns: tuple[str, ...] | None = None
    """For `csv` without a header line: the columns' names."""

    keep: tuple[str, ...] = ()
    """Further columns to keep in the examples, for slices and partition keys."""

    @model_validator(mode="after")
    def _train_is_there(self) -> Self:
        if "train" not in self.splits:
            raise ValueError(f"`splits` must name a `train` split. Received: {', '.join(self.splits)}")
        if self.holdout and self.holdout.source not in self.splits:
            raise ValueError(f"`holdout` is cut from `{self.holdout.source}`, which `splits` does not name")
        if self.format == "tfds" and not self.name:
            raise ValueError("format `tfds` needs `name`, the data set's name")
        return self

    @property
    def effective_holdout(self) -> HoldoutConfig | None:
        """The holdout that is cut, with the default of 10 % for `eval` where nothing else evaluates training."""
        if self.holdout or {"eval", "validation"} & set(self.splits):
            return self.holdout
        return HoldoutConfig.model_validate({"eval": 0.1})

    @property
    def eval_split(self) -> str:
        """The split that watches training: `eval`, else `validation`, else the first that is held out."""
        names = self.split_names
        return next((n for n in ("eval", "validation") if n in names), names[-1])

    @property
    def split_names(self) -> tuple[str, ...]:
        """Every split of the examples: those given, then those held out."""
        return (*self.splits, *(self.effective_holdout.fractions if self.effective_holdout else ()))


class ModelConfig(Section):
    """The family and its hyperparameters; which ones there are is the family's to say."""

    model_config = ConfigDict(frozen=True, extra="allow")

    family: str
    """A shipped family (`linear`, `lstm`), or the import path of one's own: `my_package.my_module:MyFamily`."""

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Everything beside `family`, as written in the file."""
        return dict(self.__pydantic_extra__ or {})


class TrainingConfig(Section):
    """The training loop. What is not given here comes from the family's recipe, and then from these defaults.

    With `epochs`, the recipe's `min_steps` falls away; with another `optimizer`, the recipe's rate, schedule, warm-up,
    momentum and decay do.
    """

    epochs: int = Field(default=10, ge=1)
    min_steps: int = Field(default=0, ge=0)
    """Least number of steps: a data set too small to give them in `epochs` is gone through more often."""

    batch_size: int = Field(default=64, ge=1)
    """Examples a step, over all replicas."""

    optimizer: Literal["adam", "adamw", "sgd", "rmsprop", "adagrad", "lamb", "lion", "nadam"] = "adam"
    momentum: float = Field(default=0.0, ge=0, lt=1)
    """For `sgd` and `rmsprop` only."""

    learning_rate: float = Field(default=1e-3, gt=0)
    learning_rate_schedule: Literal["constant", "cosine", "linear"] = "constant"
    """How the rate falls after the warm-up, to zero at the last step."""

    warmup_steps: int | float = Field(default=0, ge=0)
    """Steps in which the rate rises from zero; below 1, a share of all steps."""

    weight_decay: float | None = Field(default=None, ge=0)
    """Decoupled decay, not applied to biases, embeddings and norms. Unless given, `adamw` has 0.004, others none."""

    clip_norm: float | None = Field(default=None, gt=0)
    """Largest global norm of the gradients."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    class_weights: Literal["balanced"] | dict[str, float] | None = None
    """`balanced` weighs each class by the inverse of its frequency; or label to weight."""

    average_weights: float | None = Field(default=None, gt=0, lt=1)
    """Momentum of an exponential moving average of the weights, which is what is evaluated and exported."""

    early_stopping: int | None = Field(default=None, ge=1)
    """Epochs without a better `monitor` before training stops."""

    monitor: str = "val_loss"
    """The number by which the best epoch is chosen: `val_loss`, `val_accuracy`, ..."""

    restore_best: bool = True
    """Export the weights of the best epoch rather than the last."""

    strategy: Literal["auto", "none", "mirrored"] = "auto"
    """tf.distribute strategy; `auto` is `mirrored` where there are several accelerators."""

    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    bucket_by_length: bool = True
    """Batch examples of like length, so that short texts do not pay for long ones."""

    steps_per_loop: int = Field(default=50, ge=1)
    """Steps run inside one tf.function call."""

    checkpoint_seconds: float = Field(default=60.0, ge=0)
    """Least time between two checkpoints within an epoch; one is also written where an epoch of some seconds ends."""

    seed: int = 1

    @property
    def takes_momentum(self) -> bool:
        """Whether the optimizer has a momentum of this name."""
        return self.optimizer in ("sgd", "rmsprop")

    @property
    def decay(self) -> float:
        """The weight decay that is applied; that of `adamw`, unless given, is Keras' own."""
        if self.weight_decay is None:
            return 0.004 if self.optimizer == "adamw" else 0.0
        return self.weight_decay


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
        return self


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


class RuleConfig(Section):
    """One rule of ExampleValidator: how bad a breach is, and the limit where the rule has one."""

    severity: Severity | Literal["off"] | None = None
    at_most: float | None = Field(default=None, ge=0)

    @field_validator("severity", mode="before")
    @classmethod
    def _off_is_a_word(cls, value: object) -> object:
        """YAML 1.1 reads a bare `off` as false."""
        return "off" if value is False else value


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

    single_class: RuleConfig = RuleConfig(severity="error")
    """The training split must hold at least two labels."""

    missing_class: RuleConfig = RuleConfig(severity="warning")
    """Every class of the schema must have an example in the training split."""

    unknown_label: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    """Share of labels outside the schema's domain."""

    missing_feature: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    """Share of examples that lack a feature beyond what the schema allows."""

    wrong_type: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    out_of_domain: RuleConfig = RuleConfig(severity="error", at_most=0.0)
    """Share of values outside a feature's domain in the schema."""

    empty_text: RuleConfig = RuleConfig(severity="warning", at_most=0.01)
    """Share of texts that are empty or near-empty."""

    duplicates: RuleConfig = RuleConfig(severity="warning", at_most=0.1)
    """Share of training texts that repeat an earlier one exactly."""

    near_duplicates: RuleConfig = RuleConfig(severity="warning", at_most=0.2)
    conflicting_labels: RuleConfig = RuleConfig(severity="warning", at_most=0.01)
    """Share of texts that stand under more than one label."""

    leakage: RuleConfig = RuleConfig(severity="error", at_most=0.05)
    """Share of another split's texts that also stand in the training split."""

    label_shift: RuleConfig = RuleConfig(severity="error", at_most=0.2)
    """L-infinity distance between a split's label distribution and the training split's."""

    @field_validator("*")
    @classmethod
    def _fill_in_the_default(cls, rule: RuleConfig, info: ValidationInfo) -> RuleConfig:
        """`leakage: {severity: warning}` keeps the limit of `leakage`."""
        default: RuleConfig = cls.model_fields[info.field_name or ""].default
        if rule.at_most is not None and default.at_most is None:
            raise ValueError(f"`{info.field_name}` holds or does not: it has no `at_most`")
        return default.model_copy(update=rule.model_dump(exclude_none=True))


class PushConfig(Section):
    """Where a blessed model goes."""

    directory: str
    """The folder that a model server watches; models go to `<directory>/<pipeline name>/<version>`."""


class BeamConfig(Section):
    """Which Beam runner prepares the data."""

    runner: Literal["direct", "flink", "spark", "dataflow", "portable"] = "direct"
    options: tuple[str, ...] = ()
    """Beam's own pipeline options, such as `--flink_master=localhost:8081`."""


class ScheduleConfig(Section):
    """When a scheduler is to run the pipeline; nothing does so by itself."""

    cron: str
    overlap: Literal["skip", "queue", "cancel-previous"] = "skip"


class PipelineConfig(Section):
    """One pipeline."""

    name: str = Field(pattern=f"^{NAME}$")
    task: Task = "classification"
    data: DataConfig
    schema_: str | None = Field(default=None, alias="schema")
    """A curated `schema.pbtxt`. Unless given, the schema is inferred in the first run and frozen as
    `schemas/<name>.pbtxt` beside the pipeline file, to be reviewed and edited there; later runs read it."""

    validation: ValidationConfig = ValidationConfig()
    model: ModelConfig
    training: dict[str, Any] = Field(default_factory=dict)
    """Fields of TrainingConfig; those not given come from the family's recipe."""

    evaluation: EvaluationConfig = EvaluationConfig()
    push: PushConfig | None = None
    beam: BeamConfig = BeamConfig()
    schedule: ScheduleConfig | None = None

    _source: Any = PrivateAttr(default=None)

    @property
    def evaluation_split(self) -> str:
        """The split that the exported model is judged on."""
        return self.evaluation.split or ("test" if "test" in self.data.split_names else self.data.eval_split)

    @property
    def frozen_schema(self) -> str:
        """Where an inferred schema is frozen, relative to the pipeline file."""
        return f"schemas/{self.name}.pbtxt"

    @property
    def source(self) -> "Document | None":
        """The file that this was read from, with the places of its values; None for one made in Python."""
        return self._source

    def at(self, source: "Document") -> Self:
        """A copy that knows the file it was read from."""
        copy = self.model_copy()
        copy._source = source
        return copy
