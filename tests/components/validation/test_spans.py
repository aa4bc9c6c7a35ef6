"""Rule `empty_span`."""

from typing import Any

from schemas.ingestion import SpanRows

ROWS = [{"text": f"text number {place} of many", "label": "ab"[place % 2]} for place in range(20)]


def spans(*rows: int) -> list[SpanRows]:
    return [SpanRows(span=n, version=0, name=str(n), rows={"train": count}) for n, count in enumerate(rows, 1)]


def test_an_empty_span_is_named(steps: Any) -> None:
    examples = steps.examples({"train": ROWS}, spans=spans(12, 0, 8, 0))
    (verdict,) = steps.judged(examples)["empty_span"]
    assert (verdict.verdict, verdict.severity, verdict.expected) == (
        "failed",
        "error",
        "spans without an example: none",
    )
    assert verdict.found.startswith("train: 2 of 4 spans (50 %) without an example: 2, 4. Look for what was to write")


def test_some_may_be_allowed(steps: Any) -> None:
    examples = steps.examples({"train": ROWS}, spans=spans(12, 0, 8, 0))
    (verdict,) = steps.judged(examples, {"empty_span": {"at_most": 0.5}})["empty_span"]
    assert verdict.verdict == "passed"
    assert verdict.found == "train: 2 of 4 spans (50 %) without an example: 2, 4"


def test_spans_with_examples_pass_and_other_data_is_not_asked(steps: Any) -> None:
    (verdict,) = steps.judged(steps.examples({"train": ROWS}, spans=spans(12, 8)))["empty_span"]
    assert (verdict.verdict, verdict.found) == ("passed", "none")
    assert "empty_span" not in steps.judged(steps.examples({"train": ROWS}))
