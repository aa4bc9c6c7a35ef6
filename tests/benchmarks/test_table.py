"""The table's arithmetic: verdicts, and what a reader sees."""

import json

import pytest

from tests.benchmarks.table import Row, markdown, to_json


@pytest.mark.parametrize(
    ("row", "passed"),
    [
        (Row("time", 20.0, "s", 20.0, limit=1.0), True),
        (Row("time", 20.2, "s", 20.0, limit=1.0), False),
        (Row("rate", 12_000, "docs/s", 20_000, limit=0.6, bound="ratio at least"), True),
        (Row("rate", 11_999, "docs/s", 20_000, limit=0.6, bound="ratio at least"), False),
        (Row("memory", 1.5, "GB", limit=1.5, bound="ours at most"), True),
        (Row("accuracy", 96.9, "%", limit=97.0, bound="ours at least"), False),
        (Row("accuracy", 96.9, "%", 80.0), None),
    ],
)
def test_verdict_follows_the_bound(row: Row, passed: bool | None) -> None:
    assert row.passed is passed


def test_table_shows_amounts_ratio_limit_and_verdict() -> None:
    rows = [Row("time", 20.2, "s", 20.0, limit=1.0), Row("rate", 12_000, "docs/s")]
    assert markdown(rows).splitlines() == [
        "| what | ours          | the other side | ratio | limit       | verdict    |",
        "| ---- | ------------- | -------------- | ----- | ----------- | ---------- |",
        "| time | 20.2 s        | 20.0 s         | 1.01  | at most 1 x | **missed** |",
        "| rate | 12,000 docs/s |                |       |             |            |",
    ]


def test_json_keeps_the_verdict_and_the_machine() -> None:
    content = json.loads(to_json([Row("time", 10.0, "s", 20.0, limit=1.0)], {"cores": "2 cores"}))
    assert content["machine"] == {"cores": "2 cores"}
    assert content["rows"][0]["ratio"] == 0.5
    assert content["rows"][0]["passed"] is True
