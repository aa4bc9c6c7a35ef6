from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from serving.batching.batcher import BatchRecord
from serving.calls import Call
from serving.errors import Code
from serving.interface import VersionStatus
from serving.metrics import Metrics
from serving.shadow import ShadowCall


def _read(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families: Any = text_string_to_metric_families(metrics.exposition().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_calls_and_batches_are_counted_under_tensorflow_servings_names() -> None:
    metrics = Metrics(lambda: {"r8": [VersionStatus(2, "AVAILABLE"), VersionStatus(1, "END")]})
    for code in (Code.OK, Code.OK, Code.INVALID_ARGUMENT):
        metrics.call_ended(Call("grpc", "Predict", "", model="r8", version=2, code=code, seconds=0.001))
    metrics.call_ended(Call("rest", "Predict", "", model="r8", version=2, seconds=0.5))
    for name in ("made up", "and another"):
        metrics.call_ended(Call("rest", "Predict", "", model=name, code=Code.NOT_FOUND, seconds=0.5))
    metrics.batch_of("r8")(BatchRecord(rows=3, waited_seconds=0.002, queued=4))
    found = _read(metrics)
    prefix = ":tensorflow:serving:"
    assert found[f"{prefix}request_count", (("model_name", "r8"), ("status", "OK"))] == 3
    assert found[f"{prefix}request_count", (("model_name", "r8"), ("status", "INVALID_ARGUMENT"))] == 1
    assert found[f"{prefix}request_count", (("model_name", ""), ("status", "NOT_FOUND"))] == 2
    latency = (("API", "Predict"), ("entrypoint", "GRPC"), ("model_name", "r8"))
    assert found[f"{prefix}request_latency_count", latency] == 3
    assert found[f"{prefix}request_latency_sum", latency] == 3000.0
    assert found[f"{prefix}batch_size_sum", (("model_name", "r8"),)] == 3
    assert found[f"{prefix}batch_queue_length", (("model_name", "r8"),)] == 4
    assert found[f"{prefix}batch_queuing_latency_sum", (("model_name", "r8"),)] == 2000.0
    states = (("model_name", "r8"), ("state", "AVAILABLE"), ("version", "2"))
    assert found[f"{prefix}model_version_state", states] == 1


def test_calls_are_counted_by_the_version_that_answered() -> None:
    metrics = Metrics(lambda: {"r8": [VersionStatus(2, "AVAILABLE")]})
    metrics.call_ended(Call("grpc", "Predict", "", model="r8", version=2, seconds=0.001))
    metrics.call_ended(Call("rest", "Predict", "", model="r8", version=2, code=Code.INTERNAL, seconds=0.001))
    metrics.call_ended(Call("rest", "GetModelMetadata", "", model="r8", version=2, seconds=0.001))
    metrics.shadow_called(ShadowCall("r8", 3, "different", Code.OK, 0.002))
    metrics.shadow_called(ShadowCall("r8", 3, "left out"))
    found, prefix = _read(metrics), ":trainworks:serving:"
    counts = {key: value for key, value in found.items() if key[0] == f"{prefix}version_request_count"}
    assert counts == {
        (f"{prefix}version_request_count", (("model_name", "r8"), ("status", status), ("version", version))): 1
        for status, version in (("OK", "2"), ("INTERNAL", "2"), ("OK", "3"))
    }
    assert found[f"{prefix}version_request_latency_sum", (("model_name", "r8"), ("version", "2"))] == 2000.0
    for result in ("different", "left out"):
        assert found[f"{prefix}shadow_count", (("model_name", "r8"), ("result", result), ("version", "3"))] == 1
