"""Ages as people write them."""

import pytest

from pipeline.cleanup.limits import Limits, age_of
from schemas.errors import ConfigError


@pytest.mark.parametrize(("age", "seconds"), [("45s", 45), ("12h", 43_200), ("1d12h", 129_600), (" 0 ", 0)])
def test_an_age_in_seconds(age: str, seconds: float) -> None:
    assert age_of(age) == seconds


@pytest.mark.parametrize("age", ["", "30", "d", "-1d", "1y"])
def test_what_is_no_age_is_told(age: str) -> None:
    with pytest.raises(ConfigError, match=r"`--older-than`: a period must be such as .* Received: "):
        age_of(age)


def test_ages_in_words() -> None:
    assert [Limits(older_than=seconds).age for seconds in (2_592_000, 129_600, 7200)] == [
        "30 days",
        "1.5 days",
        "2 h 00 min",
    ]
