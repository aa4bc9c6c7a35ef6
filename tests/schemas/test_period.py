import pytest

from schemas.period import seconds_of


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15m", 900), ("6h", 21_600), ("1h30m", 5400), (" 1d 12h ", 129_600)]
)
def test_periods(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "6", "0s", "six hours", "1m1h", "-5m", "1.5h"])
def test_what_is_no_period(text: str) -> None:
    with pytest.raises(ValueError, match="a period must be such as"):
        seconds_of(text)
