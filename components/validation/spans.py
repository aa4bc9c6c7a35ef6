"""Rules on the spans that the data came in."""

from components.validation.inspection import TRAIN, Check, Inspection, Rule, of, ratio

_SHOWN = 5


def empty_span(inspection: Inspection) -> Rule:
    """Every span that is there holds examples."""
    spans = inspection.ingestion.spans
    empty = [span.name for span in spans if not sum(span.rows.values())]
    named = ", ".join(empty[:_SHOWN]) + (f" and {len(empty) - _SHOWN:,} more" if len(empty) > _SHOWN else "")
    found = of(len(empty), len(spans), "spans") + (f" without an example: {named}" if empty else " are empty")
    advice = "Look for what was to write them; leave them out by `data.spans.exclude`, or allow some by `at_most`"
    expected = "spans without an example: {limit}"
    return Rule("empty_span", expected, (Check(TRAIN, ratio(len(empty), len(spans)), found),), advice)
