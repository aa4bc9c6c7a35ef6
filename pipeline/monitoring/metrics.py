"""What Prometheus' node_exporter reads from a text file, and what TensorBoard draws: the same numbers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from pipeline.monitoring.outcome import Outcome

_PREFIX: Final = "trainworks_monitor_"


class Sample(NamedTuple):
    """One number: the metric's name, what it is, its labels, its value."""

    name: str
    what: str
    labels: dict[str, str]
    value: float


def samples(outcome: Outcome) -> Iterator[Sample]:
    """All numbers of an outcome."""
    for version, rows in outcome.requests.items():
        yield Sample("requests", "Rows that were asked in the window.", {"version": str(version)}, rows)
    for check in outcome.distances:
        if check.measured is not None:
            labels = {
                "version": check.split.rpartition(" ")[2],
                "metric": check.measured.metric,
                "quantity": check.measured.quantity,
            }
            yield Sample("distance", "Distance from training or evaluation.", labels, check.measured.value)
            yield Sample("chance", "Distance that chance alone explains.", labels, check.measured.chance)
    for version in sorted({day.version for day in outcome.days}):
        labels = {"version": str(version)}
        mine = [day for day in outcome.days if day.version == version]
        answers, labelled, right = (sum(getattr(day, n) for day in mine) for n in ("answers", "labelled", "right"))
        yield Sample("answers", "Answers that labels may be joined to.", labels, answers)
        yield Sample("labelled_answers", "Answers that have a label.", labels, labelled)
        if labelled:
            yield Sample("live_accuracy", "Share of labelled answers that were right.", labels, right / labelled)
    failed = [rule.rule for rule in outcome.verdict.rules if rule.verdict == "failed"]
    for name in dict.fromkeys(rule.rule for rule in outcome.verdict.rules):
        yield Sample("rule_failed", "1 where a rule failed.", {"rule": name}, float(name in failed))
    yield Sample("refused", "1 where a rule of severity error failed.", {}, float(outcome.verdict.refused))
    yield Sample("last_seconds", "When this was found out, in seconds since 1970.", {}, outcome.until)


def metrics_text(outcome: Outcome) -> str:
    """A file for node_exporter's textfile collector, whose name must end in `.prom`."""
    from prometheus_client import CollectorRegistry, Gauge, generate_latest

    registry, gauges = CollectorRegistry(), dict[str, Gauge]()
    for name, what, labels, value in samples(outcome):
        named = {"pipeline": outcome.pipeline, **labels}
        if name not in gauges:
            gauges[name] = Gauge(f"{_PREFIX}{name}", what, [*named], registry=registry)
        gauges[name].labels(**named).set(value)
    return generate_latest(registry).decode()


def write_scalars(outcome: Outcome, folder: Path) -> None:
    """Adds a point to TensorBoard's curves, at the second of the window's end; versions have a folder each."""
    from models.training.events import write_scalars as write

    by_version: dict[str, dict[str, float]] = {}
    for name, _, labels, value in samples(outcome):
        tag = "/".join([name, *(text for key, text in labels.items() if key != "version")])
        by_version.setdefault(labels.get("version", "all"), {})[tag.replace("`", "")] = value
    for version, values in by_version.items():
        write(folder / version, values, outcome.until)
