"""What Prometheus is shown: TF Serving's metrics under TF Serving's names, and a few of our own.

Names, labels and buckets follow servables/tensorflow/util.cc and model_servers/server_core.cc; latencies are in
microseconds, as there.
"""

import threading
from collections import Counter as Counts
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.core import Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from serving.batching.batcher import BatchRecord
from serving.calls import Call
from serving.errors import Code
from serving.interface import VersionStatus
from serving.shadow import ShadowCall

DEFAULT_PATH: Final = "/monitoring/prometheus/metrics"
CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
_PREFIX: Final = ":tensorflow:serving:"
_OWN_PREFIX: Final = ":trainworks:serving:"
_INFERENCE: Final = ("Predict", "Classify", "Regress", "MultiInference")
_MICROS: Final = 1e6
_LATENCIES: Final = tuple(10 * 1.8**power for power in range(33))
_BATCH_SIZES: Final = tuple(2**power for power in range(14))
_ENTRY: Final = {"grpc": "GRPC", "rest": "REST"}


class Metrics:
    """Counts calls and batches.

    Args:
        models: the models that are served, each with its versions. Only their names become labels, for clients can
            make up as many names as they like.
    """

    def __init__(self, models: Callable[[], Mapping[str, Sequence[VersionStatus]]]) -> None:
        self._models = models
        self._known: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._counts = Counts[tuple[str, str]]()
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)  # type: ignore[arg-type]
        self._latency = self._histogram(
            "request_latency", "Microseconds of a call.", ("model_name", "API", "entrypoint")
        )
        self._batch_size = self._histogram("batch_size", "Rows of a batch.", ("model_name",), _BATCH_SIZES)
        self._waited = self._histogram(
            "batch_queuing_latency", "Microseconds that a batch's first request waited.", ("model_name",)
        )
        self._queued = Gauge(
            f"{_PREFIX}batch_queue_length", "Batches that wait.", ("model_name",), registry=self._registry
        )
        self._children: dict[tuple[str, str, str], Any] = {}
        self._version_counts, self._shadow_counts = Counts[tuple[str, int, str]](), Counts[tuple[str, int, str]]()
        self._version_latency = Histogram(
            f"{_OWN_PREFIX}version_request_latency",
            "Microseconds of a call, by the version that answered.",
            ("model_name", "version"),
            registry=self._registry,
            buckets=_LATENCIES,
        )
        self._version_children: dict[tuple[str, int], Any] = {}

    def call_ended(self, call: Call) -> None:
        """Counts a call; see serving/calls.py."""
        model = self._label(call)
        with self._lock:
            self._counts[model, call.code.name] += 1
        key = model, call.method, call.front
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._latency.labels(model, call.method, _ENTRY[call.front])
        child.observe(call.seconds * _MICROS)
        if call.version is not None and call.method in _INFERENCE:
            self._version_called(call.model, call.version, call.code, call.seconds)

    def shadow_called(self, call: ShadowCall) -> None:
        """Counts what a shadow was asked, and what its answers are like; see serving/shadow.py."""
        with self._lock:
            self._shadow_counts[call.model, call.version, call.result] += 1
        if call.result != "left out":
            self._version_called(call.model, call.version, call.code, call.seconds)

    def _version_called(self, model: str, version: int, code: Code, seconds: float) -> None:
        with self._lock:
            self._version_counts[model, version, code.name] += 1
        child = self._version_children.get((model, version))
        if child is None:
            child = self._version_children[model, version] = self._version_latency.labels(model, str(version))
        child.observe(seconds * _MICROS)

    def batch_of(self, model: str) -> Callable[[BatchRecord], None]:
        """What is to be told of a model's batches."""
        size, waited = self._batch_size.labels(model), self._waited.labels(model)
        queued = self._queued.labels(model)

        def note(batch: BatchRecord) -> None:
            size.observe(batch.rows)
            waited.observe(batch.waited_seconds * _MICROS)
            queued.set(batch.queued)

        return note

    def exposition(self) -> bytes:
        """All metrics, as Prometheus reads them."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The counter, and the versions as they are now. (The library's own counters end in `_total`.)"""
        requests = Metric(f"{_PREFIX}request_count", "Calls by model and gRPC code.", "unknown")
        with self._lock:
            counts, by_version, shadows = dict(self._counts), dict(self._version_counts), dict(self._shadow_counts)
        for (model, code), count in counts.items():
            requests.add_sample(requests.name, {"model_name": model, "status": code}, count)
        yield requests
        answered = Metric(f"{_OWN_PREFIX}version_request_count", "Calls by model, version and gRPC code.", "unknown")
        for (model, number, code), count in by_version.items():
            labels = {"model_name": model, "version": str(number), "status": code}
            answered.add_sample(answered.name, labels, count)
        yield answered
        compared = Metric(f"{_OWN_PREFIX}shadow_count", "What a shadow's answers are like.", "unknown")
        for (model, number, result), count in shadows.items():
            labels = {"model_name": model, "version": str(number), "result": result}
            compared.add_sample(compared.name, labels, count)
        yield compared
        versions = Metric(f"{_PREFIX}model_version_state", "1 for the state that a version is in.", "gauge")
        for model, statuses in self._models().items():
            for status in statuses:
                labels = {"model_name": model, "version": str(status.version), "state": status.state}
                versions.add_sample(versions.name, labels, 1)
        yield versions

    def _label(self, call: Call) -> str:
        if call.version is None and call.model not in self._known:
            self._known = frozenset(self._models())
            if call.model not in self._known:
                return ""
        return call.model

    def _histogram(
        self, name: str, what: str, labels: Sequence[str], buckets: Sequence[float] = _LATENCIES
    ) -> Histogram:
        return Histogram(f"{_PREFIX}{name}", what, labels, registry=self._registry, buckets=buckets)
