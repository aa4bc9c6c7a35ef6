"""What runs when: assembly, runners, cache, lineage, command line; and, by one import, what pipelines are composed of.

    from pipeline import ExampleGen, Pipeline, StatisticsGen

Names are looked up when they are first used, so that `import pipeline` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from components.bulk_inferrer import BulkInferrer
    from components.component import (
        BlessedBefore,
        Component,
        Context,
        Input,
        LatestAccepted,
        LatestBlessed,
        Output,
        PreviousBlessed,
    )
    from components.evaluator import Evaluator
    from components.example_gen import ExampleGen
    from components.example_validator import ExampleValidator
    from components.infra_validator import InfraValidator
    from components.pusher import Pusher
    from components.schema_gen import SchemaGen
    from components.statistics_gen import StatisticsGen
    from components.trainer import Trainer
    from components.transform import Transform
    from models.registry import family_class
    from pipeline.assembly import pipeline_from_file
    from pipeline.pipeline import Pipeline
    from schemas.config import (
        BeamConfig,
        DataConfig,
        EvaluationConfig,
        InferenceConfig,
        InfraValidationConfig,
        ModelConfig,
        PushConfig,
        TrainingConfig,
        ValidationConfig,
    )

_HOMES: Final = {
    "components.bulk_inferrer": ("BulkInferrer",),
    "components.component": (
        "BlessedBefore",
        "Component",
        "Context",
        "Input",
        "LatestAccepted",
        "LatestBlessed",
        "Output",
        "PreviousBlessed",
    ),
    "components.evaluator": ("Evaluator",),
    "components.example_gen": ("ExampleGen",),
    "components.example_validator": ("ExampleValidator",),
    "components.infra_validator": ("InfraValidator",),
    "components.pusher": ("Pusher",),
    "components.schema_gen": ("SchemaGen",),
    "components.statistics_gen": ("StatisticsGen",),
    "components.trainer": ("Trainer",),
    "components.transform": ("Transform",),
    "models.registry": ("family_class",),
    "pipeline.assembly": ("pipeline_from_file",),
    "pipeline.pipeline": ("Pipeline",),
    "schemas.config": (
        "BeamConfig",
        "DataConfig",
        "EvaluationConfig",
        "InferenceConfig",
        "InfraValidationConfig",
        "ModelConfig",
        "PushConfig",
        "TrainingConfig",
        "ValidationConfig",
    ),
}
_HOME_OF: Final = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BeamConfig",
    "BlessedBefore",
    "BulkInferrer",
    "Component",
    "Context",
    "DataConfig",
    "EvaluationConfig",
    "Evaluator",
    "ExampleGen",
    "ExampleValidator",
    "InferenceConfig",
    "InfraValidationConfig",
    "InfraValidator",
    "Input",
    "LatestAccepted",
    "LatestBlessed",
    "ModelConfig",
    "Output",
    "Pipeline",
    "PreviousBlessed",
    "PushConfig",
    "Pusher",
    "SchemaGen",
    "StatisticsGen",
    "Trainer",
    "TrainingConfig",
    "Transform",
    "ValidationConfig",
    "family_class",
    "pipeline_from_file",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)
