"""The whole pipeline file."""

from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from schemas.config.data import DataConfig
from schemas.config.evaluation import EvaluationConfig
from schemas.config.infra_validation import InfraValidationConfig
from schemas.config.model import ModelConfig
from schemas.config.monitoring import MonitoringConfig
from schemas.config.notify import NotifyConfig
from schemas.config.push import PushConfig
from schemas.config.schedule import ScheduleConfig
from schemas.config.section import Section
from schemas.config.steps import StepConfig
from schemas.config.task import Task
from schemas.config.validation import ValidationConfig
from schemas.names import NAME

if TYPE_CHECKING:
    from schemas.yaml_document import Document


class TransformConfig(Section):
    """What Transform writes."""

    materialize: bool | None = None
    """Write the model's inputs once, or make them anew whenever they are read (decoded pictures take many times the
    space of encoded ones). Unless given, the family decides; of data in spans most families make texts anew, since each
    span changes the vocabulary."""


class BeamConfig(Section):
    """Which Beam runner prepares the data."""

    runner: Literal["direct", "flink", "spark", "dataflow", "portable"] = "direct"
    options: tuple[str, ...] = ()
    """Beam's own pipeline options, such as `--flink_master=localhost:8081`."""

    workers: int | None = Field(default=None, ge=1)
    """With `runner: direct`, on Linux: most processes that prepare data, each a file or shard at a time; 1 keeps all
    in the run's own. Unless given, one a core from 128 MiB of data on. Results are the same, byte for byte."""

    @model_validator(mode="after")
    def _check_workers(self) -> Self:
        if self.workers is not None and self.runner != "direct":
            raise ValueError(
                "`workers` goes with `runner: direct`; others have `options` for it. "
                f"Received: runner={self.runner}, workers={self.workers}"
            )
        return self


class PipelineConfig(Section):
    """One pipeline."""

    name: str = Field(pattern=f"^{NAME}$")
    task: Task = "classification"
    data: DataConfig
    schema_: str | None = Field(default=None, alias="schema")
    """A curated `schema.pbtxt`. Unless given, the schema is inferred in the first run and frozen as
    `schemas/<name>.pbtxt` beside the pipeline file, to be reviewed and edited there; later runs read it."""

    validation: ValidationConfig = ValidationConfig()
    transform: TransformConfig = TransformConfig()
    model: ModelConfig
    training: dict[str, Any] = Field(default_factory=dict)
    """Fields of TrainingConfig; those not given come from the family's recipe."""

    evaluation: EvaluationConfig = EvaluationConfig()
    infra_validation: InfraValidationConfig | None = None
    """Unless given, what is to be pushed has its graph checked, and no server started: loading TensorFlow and the model
    once more takes some seconds of every run."""

    push: PushConfig | None = None
    monitoring: MonitoringConfig | None = None
    """What `trainworks monitor` looks at; a run does not."""

    beam: BeamConfig = BeamConfig()
    steps: dict[str, StepConfig] = Field(default_factory=dict)
    """Retries and time limits: of every step, as `default`, and of single ones by their names."""

    schedule: ScheduleConfig | None = None
    notify: NotifyConfig | None = None

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
