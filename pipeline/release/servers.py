"""What model servers say of a model over REST: which versions are loaded, and how each of them does."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from schemas.config import PushConfig
from schemas.errors import TrainworksError

if TYPE_CHECKING:
    import httpx

KEY_VARIABLE: Final = "TRAINWORKS_SERVER_KEY"
_SECONDS: Final = 10.0
_CALLS: Final = ":trainworks:serving:version_request_count"
_SHADOWS: Final = ":trainworks:serving:shadow_count"
_LATENCY: Final = ":trainworks:serving:version_request_latency_bucket"
_TAKEN_BACK: Final = "CANCELLED"


@dataclass
class Counts:
    """Calls of one version, over all servers.

    Args:
        codes: gRPC code to calls that ended with it.
        latencies: microseconds to the calls that took no longer, up to infinity.
    """

    codes: Counter[str] = field(default_factory=Counter)
    latencies: Counter[float] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    """As a shadow: `same` and `different` to the answers that were like those that clients got, or not."""

    @property
    def calls(self) -> int:
        """Those that clients took back left out."""
        return sum(count for code, count in self.codes.items() if code != _TAKEN_BACK)

    @property
    def error_rate(self) -> float:
        """The share of calls that ended with anything but OK."""
        return (self.calls - self.codes["OK"]) / self.calls if self.calls else 0.0

    @property
    def disagreement(self) -> float:
        """The share of a shadow's answers that differ from those that clients got."""
        answered = self.compared["same"] + self.compared["different"]
        return self.compared["different"] / answered if answered else 0.0

    def latency_ms(self, share: float) -> float:
        """Milliseconds that a share of the calls keep to, interpolated within a bucket, as Prometheus'
        `histogram_quantile` does."""
        bounds = sorted(self.latencies)
        wanted = share * (self.latencies[bounds[-1]] if bounds else 0)
        low, below = 0.0, 0
        for bound in bounds:
            within = self.latencies[bound] - below
            if self.latencies[bound] >= wanted and within:
                top = low if bound == float("inf") else bound
                return (low + (top - low) * (wanted - below) / within) / 1000
            low, below = bound, self.latencies[bound]
        return 0.0


class Servers:
    """All servers that serve a model.

    Args:
        push: names them.
        model: the model's name.
    """

    def __init__(self, push: PushConfig, model: str) -> None:
        self._push, self._model = push, model

    def not_available(self, version: int) -> str:
        """Why a version cannot have a label yet; empty once every server has loaded it.

        Raises:
            TrainworksError: a server does not answer, or could not load the version.
        """
        for server, states in self._states():
            state, message = states.get(version, ("not known", ""))
            if state == "END" and message:
                raise VersionBroken(f"{server} cannot serve version {version} of {self._model}: {message}")
            if state != "AVAILABLE":
                hint = "; it must run with `--shadow_rate`" if self._push.policy == "shadow" else ""
                return f"version {version} is {state} at {server}{hint}"
        return ""

    def counts(self, version: int) -> Counts:
        """How a version does.

        Raises:
            TrainworksError: a server does not answer, or does not count by version.
        """
        counts = Counts()
        for server in self._push.servers:
            _add(counts, self._get(server, self._push.metrics_path).text, server, self._model, str(version))
        return counts

    def _states(self) -> Iterator[tuple[str, Mapping[int, tuple[str, str]]]]:
        """Server to version to state, and what went wrong with it."""
        for server in self._push.servers:
            told = self._get(server, f"/v1/models/{self._model}", missing=True)
            try:
                statuses: list[dict[str, Any]] = told.json().get("model_version_status", [])
                states = {
                    int(one["version"]): (one["state"], one["status"].get("error_message", "")) for one in statuses
                }
            except (ValueError, AttributeError, LookupError, TypeError) as error:
                raise TrainworksError(
                    f"{server}, of `push.servers`, must be the REST address of a model server. Received:"
                    f" {told.text[:200]!r} where versions are asked for"
                ) from error
            yield server, states

    def _get(self, server: str, path: str, *, missing: bool = False) -> "httpx.Response":
        import httpx

        key = os.environ.get(KEY_VARIABLE)
        headers = {"authorization": f"Bearer {key}"} if key else {}
        try:
            answer = httpx.get(f"{server}{path}", headers=headers, timeout=_SECONDS, trust_env=False)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise TrainworksError(f"{server}, of `push.servers`, must answer. Received: {error}") from error
        if answer.status_code != httpx.codes.OK and not (missing and answer.status_code == httpx.codes.NOT_FOUND):
            raise TrainworksError(
                f"{server}{path} must answer with what is asked for; a key may be given in {KEY_VARIABLE}, and metrics"
                f" need `--monitoring_config_file`. Received: {answer.status_code} {answer.text[:200]}"
            )
        return answer


class VersionBroken(TrainworksError):  # noqa: N818 - a verdict on the version
    """A server could not load a version."""


def _add(counts: Counts, text: str, server: str, model: str, version: str) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    known = False
    try:
        families = list(text_string_to_metric_families(text))
    except ValueError as error:
        raise TrainworksError(
            f"The metrics of {server} must be in Prometheus' text format; see `push.metrics_path`. Received: {error}"
        ) from error
    for family in families:
        known = known or family.name == _CALLS
        for sample in family.samples:
            if (sample.labels.get("model_name"), sample.labels.get("version")) != (model, version):
                continue
            if sample.name == _CALLS:
                counts.codes[sample.labels["status"]] += int(sample.value)
            elif sample.name == _SHADOWS:
                counts.compared[sample.labels["result"]] += int(sample.value)
            elif sample.name == _LATENCY:
                counts.latencies[float(sample.labels["le"])] += int(sample.value)
    if not known:
        raise TrainworksError(
            f"The metrics of {server} must count calls by version, as those of `trainworks serve` do. They do not. With"
            " TensorFlow Serving, `push: {probation: {requests: 0}}` leaves the decision to time alone."
        )
