"""The candidate in a server: does it load, does it answer as it did to the Evaluator, how fast, in how much memory?

Whatever it does is a verdict: one that hangs is given up after its time, one that takes its process down has failed.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from components.infra.servers import Server, StartFailed, child_server, docker_server
from components.warmup import Row, input_arrays
from schemas.config import InfraValidationConfig
from schemas.ingestion import FeatureType
from schemas.verdict import RuleVerdict
from serving.client import Client, Code, Retries, ServingError

_SIGNATURE: Final = "serve_examples"
"""How the Evaluator asks."""

_POLL_SECONDS: Final = 0.05
_STATUS_SECONDS: Final = 5.0
_LONGEST_MEASUREMENT: Final = 20.0
"""Seconds over which latency is measured at most, however few requests that were."""

Outputs = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Candidate:
    """What is tried.

    Args:
        base: folder with the candidate as a version.
        name: the model's name.
        serving: the SavedModel itself.
        records: serialized tf.Example to ask about.
        rows: the same as model inputs.
        types: type of each model input.
    """

    base: Path
    name: str
    serving: Path
    records: Sequence[bytes]
    rows: Sequence[Row]
    types: Mapping[str, FeatureType]


@dataclass
class Trial:
    """One trial.

    Args:
        candidate: what is tried.
        config: with what, and the limits.
        log: the file for what a server's process says.
    """

    candidate: Candidate
    config: InfraValidationConfig
    log: Path
    rules: list[RuleVerdict] = field(default_factory=list)

    def run(self) -> list[RuleVerdict]:
        """The rules in order; none after one that takes the sense from the rest.

        Raises:
            ConfigError: Docker is asked for, and not there.
        """
        start = time.monotonic()
        deadline = start + self.config.max_loading_time_seconds
        expected = f"within {self.config.max_loading_time_seconds:g} s"
        try:
            with self._server() as server, _client(server.port, self.config.max_request_seconds) as client:
                reference = self._reference()  # while the candidate loads
                failure = self._wait(server, client, deadline)
                found = failure or f"after {time.monotonic() - start:.1f} s"
                if self._rule("loads", expected, found, not failure):
                    self._ask(server, client, reference)
        except StartFailed as error:
            self._rule("loads", expected, str(error), False)
        return self.rules

    def _server(self) -> AbstractContextManager[Server]:
        config, candidate = self.config, self.candidate
        if config.serving_binary == "tensorflow_serving":
            return docker_server(candidate.base, candidate.name, config.image)
        return child_server(
            candidate.base,
            candidate.name,
            self.log,
            start_seconds=config.max_loading_time_seconds,
            request_seconds=config.max_request_seconds,
        )

    def _wait(self, server: Server, client: Client, deadline: float) -> str:
        """Waits for the model; what went wrong, if it did."""
        while True:
            try:
                states = client.status(self.candidate.name, timeout=_STATUS_SECONDS)
            except ServingError:
                states = []
            for state in states:
                if state.state == "AVAILABLE":
                    return ""
                if state.code != Code.OK:
                    return state.message
            if ended := server.end():
                return ended
            if time.monotonic() > deadline:
                return "still loading"
            time.sleep(_POLL_SECONDS)

    def _reference(self) -> Outputs | None:
        """What the Evaluator's way of asking answers; None where the model cannot be asked that way."""
        import tensorflow as tf
        import tensorflow_text  # noqa: F401 - registers its operations

        model = tf.saved_model.load(str(self.candidate.serving))
        if _SIGNATURE not in model.signatures:
            return None
        answer = model.signatures[_SIGNATURE](examples=tf.constant(self.candidate.records, tf.string))
        return {name: tensor.numpy() for name, tensor in answer.items()}

    def _ask(self, server: Server, client: Client, reference: Outputs | None) -> None:
        try:
            alone, seconds = self._one_by_one(client)
            together = self._predict(client, self.candidate.rows)
        except ServingError as error:
            self._rule("answers", "every request", f"{server.end() or error.message} ({error.code.name})", False)
            return
        self._rule("answers", "every request", f"{len(seconds)} of one example, one of {len(alone)}", True)
        whole = {name: np.concatenate([answer[name] for answer in alone]) for name in together}
        self._compare(reference, whole, together)
        self._latency(seconds)
        self._memory(server)

    def _predict(self, client: Client, rows: Sequence[Row]) -> Outputs:
        return client.predict(self.candidate.name, input_arrays(rows, self.candidate.types))

    def _one_by_one(self, client: Client) -> tuple[list[Outputs], list[float]]:
        """The answers for each row alone, and how many seconds each request took; rows are asked again and again."""
        answers, seconds, over = list[Outputs](), list[float](), time.monotonic() + _LONGEST_MEASUREMENT
        rows = self.candidate.rows
        self._predict(client, rows[:1])  # the client learns the signature
        while len(answers) < len(rows) or (len(seconds) < self.config.num_requests and time.monotonic() < over):
            row = rows[len(seconds) % len(rows)]
            start = time.perf_counter()
            answer = self._predict(client, [row])
            seconds.append(time.perf_counter() - start)
            if len(answers) < len(rows):
                answers.append(answer)
        return answers, seconds

    def _compare(self, reference: Outputs | None, *answers: Outputs) -> None:
        expected = f"the Evaluator's, to {self.config.tolerance:g}"
        if reference is None:
            self.rules.append(
                RuleVerdict(rule="agrees", expected=f"a signature {_SIGNATURE}", found="none", verdict="skipped")
            )
            return
        worst = {name: max(_difference(one[name], reference[name]) for one in answers) for name in _numbers(reference)}
        name = max(worst, key=lambda output: worst[output], default="")
        found = f"`{name}` differs by {worst[name]:.1e}" if name else "no numbers to compare"
        self._rule("agrees", expected, found, all(value <= self.config.tolerance for value in worst.values()))

    def _latency(self, seconds: Sequence[float]) -> None:
        p50, p99 = (1000 * float(np.quantile(seconds, share)) for share in (0.5, 0.99))
        over = f"{len(seconds)} requests, one at a time"
        for name, value, limit in (
            ("latency_p50", p50, self.config.max_latency_p50_ms),
            ("latency_p99", p99, self.config.max_latency_p99_ms),
        ):
            expected = "no limit" if limit is None else f"at most {limit:g} ms"
            self._rule(name, expected, f"{value:.2f} ms ({over})", limit is None or value <= limit)

    def _memory(self, server: Server) -> None:
        peak, limit = server.peak_memory(), self.config.max_memory_mb
        expected = "no limit" if limit is None else f"at most {limit:g} MB"
        if peak is None:
            verdict: Literal["failed", "skipped"] = "skipped" if limit is None else "failed"
            rule = RuleVerdict(rule="memory", expected=expected, found="cannot be measured here", verdict=verdict)
            self.rules.append(rule)
            return
        self._rule("memory", expected, f"{peak / 1e6:.0f} MB", limit is None or peak <= limit * 1e6)

    def _rule(self, rule: str, expected: str, found: str, passed: bool) -> bool:
        verdict: Literal["passed", "failed"] = "passed" if passed else "failed"
        self.rules.append(RuleVerdict(rule=rule, expected=expected, found=found, verdict=verdict))
        return passed


def _client(port: int, timeout: float) -> Client:
    return Client(f"grpc://127.0.0.1:{port}", timeout=timeout, retries=Retries(attempts=1))


def _numbers(outputs: Outputs) -> list[str]:
    return [name for name, values in outputs.items() if values.dtype.kind == "f"]


def _difference(found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> float:
    """The largest difference, relative where values are above 1; infinite where there is no number."""
    if found.shape != expected.shape or not (np.isfinite(found).all() and np.isfinite(expected).all()):
        return float("inf")
    return float(np.max(np.abs(found - expected) / np.maximum(1, np.abs(expected)), initial=0))
