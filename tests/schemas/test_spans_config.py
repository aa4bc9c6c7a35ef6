"""`data.spans` in the pipeline file."""

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.config import DataConfig, SpansConfig

PATTERN = "data/span-{SPAN}/*.csv"


def data(**given: Any) -> DataConfig:
    columns = {"format": "csv", "features": {"text": "text"}, "label": "label"}
    return DataConfig.model_validate({**columns, **given})


def test_a_pattern_alone_is_that_of_train() -> None:
    short = data(spans=PATTERN)
    assert short == data(splits={"train": PATTERN}, spans={})
    assert short.split_names == ("train", "eval")


def test_patterns_in_splits_need_no_section() -> None:
    assert data(splits={"train": PATTERN}) == data(splits={"train": [PATTERN]}).model_copy(
        update={"splits": {"train": PATTERN}}
    )
    assert data(splits={"train": PATTERN}).spans == SpansConfig()
    assert data(splits={"train": "data/*.csv"}).spans is None


def test_the_section_survives_json() -> None:
    made = data(splits={"train": "{YYYY}-{MM}-{DD}.csv"}, spans={"range": ["2026-11-01", "2026-11-30"], "exclude": []})
    assert made.spans is not None
    assert made.spans.range == (date(2026, 11, 1), date(2026, 11, 30))
    assert DataConfig.model_validate_json(made.model_dump_json()) == made


def test_a_marker_takes_the_place_of_waiting() -> None:
    assert SpansConfig().settles_after == 60
    assert SpansConfig(marker="_SUCCESS").settles_after == 0
    assert SpansConfig(marker="_SUCCESS", settle_seconds=5).settles_after == 5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"spans": PATTERN, "splits": {"train": "a.csv"}}, "`spans: <pattern>` stands in place of `splits`"),
        ({"spans": "data/*.csv"}, "`spans` need a glob of `train` that tells them"),
        ({"spans": "data/{SPAM}/{SPAN}.csv"}, "Received: {SPAM} in 'data/{SPAM}/{SPAN}.csv'"),
        ({"splits": {"train": "a.csv", "test": PATTERN}}, "`spans` need a glob of `train` that tells them"),
        (
            {"splits": {"train": PATTERN, "test": "data/{SPAN}-v{VERSION}.csv"}},
            "all patterns must tell spans in the same words",
        ),
        (
            {"splits": {"train": PATTERN, "test": "{YYYY}-{MM}-{DD}.csv"}},
            "all patterns must tell spans in the same words",
        ),
        ({"splits": {"train": PATTERN}, "spans": {"window": 0}}, "greater than or equal to 1"),
        ({"splits": {"train": PATTERN}, "spans": {"window": 2, "range": [1, 2]}}, "`window` and `range` both say"),
        (
            {"splits": {"train": PATTERN}, "spans": {"range": [2, 1]}},
            r"`range` must be \[first, last\]. Received: \[2, 1\]",
        ),
        ({"splits": {"train": PATTERN}, "spans": {"range": [1, "2026-11-25"]}}, r"`range` must be \[first, last\]"),
        (
            {"splits": {"train": PATTERN}, "spans": {"exclude": ["2026-11-25"]}},
            "must be a number. Received: 2026-11-25",
        ),
        (
            {"splits": {"train": "{YYYY}-{MM}-{DD}.csv"}, "spans": {"exclude": [3]}},
            "must be a day, such as 2026-11-25. Received: 3",
        ),
        ({"splits": {"train": PATTERN}, "spans": {"exclude": ["x"]}}, "a day such as 2026-11-25. Received: x"),
        ({"splits": {"train": PATTERN}, "spans": {"newest_only": "train"}}, "`spans.newest_only` must name splits"),
        ({"splits": {"train": PATTERN}, "spans": {"newest_only": "tset"}}, "globs tell spans. Received: tset"),
        (
            {"splits": {"train": PATTERN, "test": "a.csv"}, "spans": {"newest_only": "test"}},
            "globs tell spans. Received: test",
        ),
        (
            {"spans": {"marker": "_OK"}, "splits": {"train": "{SPAN}.csv"}},
            "a span must have a folder of its own. Received: '{SPAN}.csv'",
        ),
        (
            {"spans": {"marker": "_OK"}, "splits": {"train": "{SPAN}"}, "format": "image-folder"},
            "must begin with a full stop among pictures",
        ),
        ({"splits": {"train": PATTERN}, "spans": {"marker": "a/b"}}, "should match pattern"),
        ({"splits": {"train": PATTERN}, "format": "tfds", "name": "x"}, "format `tfds` has none"),
    ],
)
def test_mistakes_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        data(**given)
