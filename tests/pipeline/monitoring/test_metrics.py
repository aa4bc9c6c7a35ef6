"""The same numbers for Prometheus and for TensorBoard."""

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from components.transforms.label_join import DayTally
from components.validation.inspection import Check, Measured
from pipeline.monitoring.metrics import metrics_text, write_scalars
from pipeline.monitoring.outcome import Outcome
from schemas.verdict import RuleVerdict, Verdict

OUTCOME = Outcome(
    run_id="r",
    pipeline="tickets",
    since=1_780_000_000 - 86_400,
    until=1_780_000_000,
    requests={7: 120},
    verdict=Verdict(rules=(RuleVerdict(rule="skew_js", expected="", found="", verdict="failed"),)),
    distances=(Check("version 7", 0.25, "", measured=Measured("js", "token length of `text`", 0.25, 0.03)),),
    days=(DayTally(7, 20_000, 100, 40, 30), DayTally(7, 20_001, 20, 10, 10)),
)


def test_a_text_file_for_node_exporter() -> None:
    found = {
        (sample.name.removeprefix("trainworks_monitor_"), *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics_text(OUTCOME))
        for sample in family.samples
    }
    mine, seventh = ("pipeline", "tickets"), ("version", "7")
    of = (("metric", "js"), mine, ("quantity", "token length of `text`"), seventh)
    assert found == {
        ("requests", mine, seventh): 120,
        ("distance", *of): 0.25,
        ("chance", *of): 0.03,
        ("answers", mine, seventh): 120,
        ("labelled_answers", mine, seventh): 50,
        ("live_accuracy", mine, seventh): 0.8,
        ("rule_failed", mine, ("rule", "skew_js")): 1,
        ("refused", mine): 1,
        ("last_seconds", mine): 1_780_000_000,
    }


def test_points_of_curves(tmp_path: Path) -> None:
    write_scalars(OUTCOME, tmp_path)
    events = EventAccumulator(str(tmp_path / "7"))
    events.Reload()
    assert "distance/js/token length of text" in events.Tags()["tensors"]
    (point,) = events.Tensors("live_accuracy")
    assert point.step == 1_780_000_000
    assert point.tensor_proto.float_val[0] == pytest.approx(0.8)
    assert {path.name for path in tmp_path.iterdir()} == {"7", "all"}
