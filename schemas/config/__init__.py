"""The pipeline file: one YAML file describes a pipeline.

These pydantic models, one module a section, are a public interface: fields may be added, never renamed. Reading, line
numbers and messages are in `schemas/pipeline_file.py`.
"""

from schemas.config.data import DataConfig, Format, Globs, HoldoutConfig, ImagesConfig
from schemas.config.evaluation import EvaluationConfig, RequireRule
from schemas.config.inference import InferenceConfig
from schemas.config.infra_validation import InfraValidationConfig
from schemas.config.model import ModelConfig
from schemas.config.monitoring import DelayedLabels, LiveAccuracyRule, MonitoringConfig
from schemas.config.notify import EmailConfig, NotifyConfig, WebhookConfig
from schemas.config.pipeline import BeamConfig, PipelineConfig, TransformConfig
from schemas.config.push import ProbationConfig, PushConfig
from schemas.config.schedule import ScheduleConfig
from schemas.config.section import Section
from schemas.config.spans import SpanPoint, SpansConfig
from schemas.config.steps import StepConfig, step_config
from schemas.config.task import CLASS_TASKS, Modality, Task
from schemas.config.training import TrainingConfig
from schemas.config.validation import EmbeddingDriftRule, RuleConfig, ValidationConfig

__all__ = [
    "CLASS_TASKS",
    "BeamConfig",
    "DataConfig",
    "DelayedLabels",
    "EmailConfig",
    "EmbeddingDriftRule",
    "EvaluationConfig",
    "Format",
    "Globs",
    "HoldoutConfig",
    "ImagesConfig",
    "InferenceConfig",
    "InfraValidationConfig",
    "LiveAccuracyRule",
    "Modality",
    "ModelConfig",
    "MonitoringConfig",
    "NotifyConfig",
    "PipelineConfig",
    "ProbationConfig",
    "PushConfig",
    "RequireRule",
    "RuleConfig",
    "ScheduleConfig",
    "Section",
    "SpanPoint",
    "SpansConfig",
    "StepConfig",
    "Task",
    "TrainingConfig",
    "TransformConfig",
    "ValidationConfig",
    "WebhookConfig",
    "step_config",
]
