"""Ages as people write them."""

import pytest

from pipeline.cleanup.limits import Limits, seconds_of
from schemas.errors import ConfigError


@pytest.mark.parametrize(
    ("age", "seconds"), [("45s", 45), ("90m", 5400), ("12h", 43_200), ("1.5d", 129_600), ("2w", 1_209_600), (" 0s ", 0)]
)
def test_an_age_in_seconds(age: str, seconds: float) -> None:
    assert seconds_of(age) == seconds


@pytest.mark.parametrize("age", ["", "30", "d", "-1d", "1y", "1d2h", "nand"])
def test_what_is_no_age_is_told(age: str) -> None:
    with pytest.raises(ConfigError, match="`--older-than` must be a number with s, m, h, d or w"):
        seconds_of(age)


def test_ages_in_words() -> None:
    assert [Limits(older_than=seconds).age for seconds in (2_592_000, 129_600, 7200)] == [
        "30 days",
        "1.5 days",
        "2 h 00 min",
    ]
