"""Section `steps`: how often a step is tried, and how long it may take."""

from collections.abc import Mapping
from typing import Final

from pydantic import Field

from schemas.config.section import Section

DEFAULT: Final = "default"
"""The entry of `steps` that holds for every step."""


class StepConfig(Section):
    """What holds for one step, or, as `default`, for all of them.

    In the file: `steps: {default: {retries: 2}, Trainer: {timeout_seconds: 7200}}`. What a step's own entry leaves out
    is taken from `default`.
    """

    retries: int = Field(default=0, ge=0, le=100)
    """How often a step that failed is tried again. Not so after mistakes in the pipeline file or the data, a training
    that diverged, or a gate that said no: those would end the same way."""

    backoff_seconds: float = Field(default=10.0, ge=0, le=86_400)
    """The wait before the first retry."""

    backoff_factor: float = Field(default=2.0, ge=1, le=100)
    """What each further wait is multiplied by."""

    max_backoff_seconds: float = Field(default=600.0, ge=0, le=86_400)
    """The longest wait."""

    timeout_seconds: float | None = Field(default=None, gt=0)
    """How long one attempt may take, in seconds. After that it is stopped as by Ctrl-C, and counts as failed."""


def step_config(steps: Mapping[str, StepConfig], node: str) -> StepConfig:
    """What holds for the step of a name."""
    default = steps.get(DEFAULT, StepConfig())
    return default.model_copy(update=steps[node].model_dump(exclude_unset=True)) if node in steps else default
