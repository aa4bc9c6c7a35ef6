"""Section `schedule`: what does not go together is told."""

import pytest
from pydantic import ValidationError

from schemas.config import ScheduleConfig


@pytest.mark.parametrize("overlap", ["skip", "cancel-previous"])
def test_starts_that_are_caught_up_with_need_to_wait_for_each_other(overlap: str) -> None:
    with pytest.raises(
        ValidationError, match=f"`misfire: catch-up` needs `overlap: queue`. Received: overlap={overlap}"
    ):
        ScheduleConfig.model_validate({"every": "1h", "misfire": "catch-up", "overlap": overlap})
    assert ScheduleConfig(every="1h", misfire="catch-up", overlap="queue").misfire == "catch-up"


def test_a_zone_needs_an_expression_that_it_is_of() -> None:
    with pytest.raises(ValidationError, match="`timezone` is that of `cron`, which is not given"):
        ScheduleConfig(every="1h", timezone="Europe/Berlin")
