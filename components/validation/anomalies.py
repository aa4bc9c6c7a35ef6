"""Failures as TensorFlow Data Validation writes them: the Anomalies of a split."""

from collections.abc import Iterable

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from components.validation.inspection import Check, Failure

_SEVERITIES = {"error": anomalies_pb2.AnomalyInfo.ERROR, "warning": anomalies_pb2.AnomalyInfo.WARNING}


def anomalies_of(
    split: str,
    examples: int,
    schema: schema_pb2.Schema,
    failures: Iterable[Failure],
    comparisons: Iterable[Check] = (),
) -> anomalies_pb2.Anomalies:
    """The failures in one split, by feature; those of whole rows belong to the data set.

    Args:
        comparisons: checks that measured a drift.
    """
    anomalies = anomalies_pb2.Anomalies(baseline=schema, data_missing=examples == 0)
    anomalies.anomaly_name_format = anomalies_pb2.Anomalies.SERIALIZED_PATH
    for failure in failures:
        if failure.check.split != split:
            continue
        feature = failure.check.feature
        info = anomalies.anomaly_info[feature] if feature else anomalies.dataset_anomaly_info
        if feature and not info.path.step:
            info.path.step.append(feature)
        _add_reason(info, failure)
    for check in comparisons:
        if check.split == split:
            _add_drift(anomalies, check)
    return anomalies


def _add_drift(anomalies: anomalies_pb2.Anomalies, check: Check) -> None:
    if check.measured is None or not check.measured.kind:
        return
    drift = anomalies.drift_skew_info.add()
    drift.path.step.append(check.feature)
    drift.drift_measurements.add(type=check.measured.kind, value=check.measured.value, threshold=check.limit or 0.0)


def _add_reason(info: anomalies_pb2.AnomalyInfo, failure: Failure) -> None:
    info.reason.add(type=failure.check.reason, short_description=failure.rule, description=failure.check.found)
    info.severity = max(info.severity, _SEVERITIES[failure.severity])
    info.short_description = failure.rule if len(info.reason) == 1 else "Multiple errors"
    info.description = " ".join(f"{reason.short_description}: {reason.description}." for reason in info.reason)
