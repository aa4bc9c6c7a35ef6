"""Section `push`: where a blessed model goes, and how it takes over."""

from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from schemas.config.section import Section

_URL: Final = ("http://", "https://")


class ProbationConfig(Section):
    """How a candidate proves itself beside the stable version: all limits are judged once it was asked often enough."""

    seconds: float = Field(default=3600.0, ge=0)
    """How long it is tried at least, from the moment at which it has its label."""

    requests: int = Field(default=100, ge=0)
    """How often it must be asked before it is judged. With 0, time alone decides, and no metrics are read."""

    max_error_rate: float = Field(default=0.01, ge=0, le=1)
    """The share of its calls that may end with anything but an answer; those that clients took back do not count."""

    max_latency_p99_ms: float | None = Field(default=None, gt=0)
    """Limit of the latency that 99 of 100 of its calls keep to, in milliseconds."""

    max_disagreement: float | None = Field(default=None, ge=0, le=1)
    """With `policy: shadow`: the share of its answers that may differ from those that clients got: in labels and whole
    numbers, or, where an answer has none, by more than a hundredth."""


class PushConfig(Section):
    """Where a blessed model goes."""

    directory: str
    """The folder that a model server watches; models go to `<directory>/<pipeline name>/<version>`."""

    warmup_examples: int = Field(default=8, ge=0, le=100)
    """Examples of the evaluation split that go along as warm-up requests; 0 where those must not leave the pipeline."""

    signing_key: str | None = None
    """A file with a secret of at least 32 bytes, with which each version's manifest is signed (HMAC-SHA256), so that a
    server that knows it loads only what was pushed with it."""

    policy: Literal["direct", "canary", "shadow"] = "direct"
    """`direct`: the newest version serves. `canary`: a new version is loaded beside the stable one, by
    `<directory>/models.config`, and has the label `canary`; `trainworks promote` gives it the label `stable` once it
    has stood its probation, or rolls it back. Clients ask for a label. `shadow`: the same, but the new version has the
    label `shadow`, and clients are never answered by it: servers ask it a copy of what they are asked
    (`trainworks serve --shadow_rate`)."""

    servers: tuple[str, ...] = ()
    """With `canary` and `shadow`: the REST addresses of all servers that serve the model, such as
    `http://127.0.0.1:8501`; they are asked what is loaded, and how the candidate does. A key for them is in the
    environment, TRAINWORKS_SERVER_KEY."""

    metrics_path: str = "/monitoring/prometheus/metrics"
    """Where the servers show their metrics."""

    server_directory: str | None = None
    """Where the servers see `directory`, if elsewhere: in a container, say. An absolute path."""

    probation: ProbationConfig = ProbationConfig()

    @field_validator("servers")
    @classmethod
    def _are_urls(cls, servers: tuple[str, ...]) -> tuple[str, ...]:
        for server in servers:
            if not server.startswith(_URL):
                raise ValueError(f"must be addresses that begin with http:// or https://. Received: {server}")
            if "@" in urlsplit(server).netloc:
                raise ValueError(
                    "must hold no password: a key for servers is in the environment, TRAINWORKS_SERVER_KEY"
                )
        return tuple(server.rstrip("/") for server in servers)

    @model_validator(mode="after")
    def _servers_are_known(self) -> Self:
        if self.policy != "direct" and not self.servers:
            raise ValueError(f"`policy: {self.policy}` needs `servers`: labels may only be given to what is loaded")
        if self.probation.max_disagreement is not None and self.policy != "shadow":
            raise ValueError(f"`probation.max_disagreement` is for `policy: shadow`. Received: policy={self.policy}")
        if self.server_directory is not None and not self.server_directory.startswith("/"):
            raise ValueError(f"`server_directory` must be an absolute path. Received: {self.server_directory}")
        return self
