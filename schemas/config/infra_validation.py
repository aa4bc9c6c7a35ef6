"""Section `infra_validation`: the candidate in a model server, before it is pushed."""

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.config.section import Section


class InfraValidationConfig(Section):
    """How the candidate is tried. Without the section, its graph is checked, and it is not loaded."""

    serving_binary: Literal["trainworks", "tensorflow_serving", "none"] = "trainworks"
    """What loads it and answers: our server in a process of its own; TF Serving, by Docker; or `none`, its graph is
    checked alone."""

    image: str = "tensorflow/serving"
    """With `tensorflow_serving`: the Docker image."""

    custom_ops: tuple[str, ...] = ()
    """Ops that your server has beside those of stock TF Serving."""

    num_examples: int = Field(default=16, ge=1, le=1000)
    """Examples of the evaluation split that it is asked for."""

    num_requests: int = Field(default=100, ge=1, le=100_000)
    """Requests of one example, one after the other, that latency is measured over."""

    max_loading_time_seconds: float = Field(default=120.0, gt=0)
    """How long it may take from the start of the server's process until the candidate answers."""

    max_request_seconds: float = Field(default=30.0, gt=0)
    """How long a request may take."""

    max_latency_p50_ms: float | None = Field(default=None, gt=0)
    """Limit of the median latency, in milliseconds."""

    max_latency_p99_ms: float | None = Field(default=None, gt=0)
    """Limit of the latency that 99 of 100 requests keep to, in milliseconds."""

    max_memory_mb: float | None = Field(default=None, gt=0)
    """Limit of the server's peak memory with the candidate loaded, in MB (10^6 bytes)."""

    tolerance: float = Field(default=1e-5, ge=0)
    """How far its answers may be from those that the Evaluator's way of asking gives, of values of about 1."""

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if "image" in self.model_fields_set and self.serving_binary != "tensorflow_serving":
            raise ValueError("`image` is for `serving_binary: tensorflow_serving`")
        if self.serving_binary == "tensorflow_serving" and self.max_memory_mb is not None:
            raise ValueError("`max_memory_mb` is measured with `serving_binary: trainworks` only")
        return self
