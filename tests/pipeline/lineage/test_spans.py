"""The spans of runs, read back from lineage."""

from schemas.artifacts import Examples
from schemas.spans import Span, properties_of


def test_a_run_s_spans_are_those_of_its_examples(scribe, lineage) -> None:
    read = properties_of([Span(1, 2), Span(10, 1)])
    examples = scribe.step("ExampleGen", {"examples": scribe.folder_of(Examples, **read)}, fingerprint="f")
    scribe.step("Transform", {"transformed_examples": scribe.folder_of(Examples, **read)}, inputs=examples)
    assert lineage.spans(["run-1", "elsewhere"]) == {"run-1": (Span(1, 2), Span(10, 1))}

    scribe.run_id = "run-2"
    scribe.begin()
    cached = lineage.find_cached("news", "ExampleGen", "f")
    lineage.record_cached(
        pipeline="news", run_id="run-2", node="ExampleGen", component="ExampleGen", inputs={}, cached=cached
    )
    scribe.run_id = "run-3"
    scribe.begin()
    scribe.step("ExampleGen", {"examples": scribe.folder_of(Examples, **properties_of([Span(20782, 0, True)]))})
    assert lineage.spans(["run-1", "run-2", "run-3"]) == {
        "run-1": (Span(1, 2), Span(10, 1)),
        "run-2": (Span(1, 2), Span(10, 1)),
        "run-3": (Span(20782, 0, True),),
    }


def test_what_a_run_only_reads_is_not_its_own(scribe, lineage) -> None:
    examples = scribe.step("ExampleGen", {"examples": scribe.folder_of(Examples, **properties_of([Span(1)]))})
    scribe.run_id = "run-2"
    scribe.begin()
    scribe.step("StatisticsGen", {}, inputs=examples)
    assert lineage.spans(["run-2"]) == {}


def test_data_without_spans_has_none(scribe, lineage) -> None:
    scribe.step("ExampleGen", {"examples": scribe.folder_of(Examples, span=0, version=0)})
    assert lineage.spans(["run-1"]) == {}
    assert lineage.spans([]) == {}
