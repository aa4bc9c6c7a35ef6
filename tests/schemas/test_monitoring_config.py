"""Section `monitoring` of the pipeline file."""

import pytest
from pydantic import ValidationError

from schemas.config import MonitoringConfig, RuleConfig


def test_a_rule_keeps_what_the_file_does_not_say() -> None:
    config = MonitoringConfig.model_validate({"logs": "requests/*", "skew_psi": {"at_most": 0.5}})
    assert config.skew_psi == RuleConfig(severity="warning", at_most=0.5)
    assert config.skew_js == RuleConfig(severity="error", at_most=0.1)
    assert (config.window, config.trigger, config.labels) == ("24h", False, None)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"window": "tomorrow"}, "a period must be such as `30s`, `15m`, `6h`, `1h30m` or `7d`. Received: tomorrow"),
        ({"labels": {"files": "x.csv", "window": "0s"}}, "a period must be such as"),
        ({"logs": []}, "at least 1 item"),
        ({"labels": {"files": []}}, "at least 1 item"),
        ({"live_accuracy": {"at_least": 0.9}}, "`live_accuracy` needs `labels`, the files of true labels"),
        ({"live_accuracy": {"at_least": 90}, "labels": {"files": "x.csv"}}, "less than or equal to 1"),
    ],
)
def test_mistakes(given: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        MonitoringConfig.model_validate({"logs": "requests/*", **given})
