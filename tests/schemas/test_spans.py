"""How spans are told to people and to lineage."""

from schemas.spans import Span, properties_of, spans_in, told


def test_runs_of_spans_are_told_as_ranges() -> None:
    assert told(map(Span, [3, 1, 2, 8, 10, 11])) == "1-3, 8, 10-11"
    assert told(Span(number, dated=True) for number in (0, 1, 20782)) == "1970-01-01 to 1970-01-02, 2026-11-25"
    assert told([Span(1, 2), Span(2, 2), Span(3, 1), Span(4)]) == "1-2 version 2, 3 version 1, 4"
    assert told([]) == ""


def test_a_span_is_told_with_its_version() -> None:
    assert [str(Span(7)), str(Span(7, 2)), str(Span(20782, 1, True))] == ["7", "7 version 2", "2026-11-25 version 1"]


def test_lineage_keeps_every_span() -> None:
    spans = (Span(20781, 3, True), Span(20782, 1, True))
    properties = properties_of(reversed(spans))
    assert properties == {"span": 20782, "version": 1, "spans": '{"20781": 3, "20782": 1}', "span_unit": "day"}
    assert spans_in(properties) == spans


def test_data_without_spans_has_span_0() -> None:
    assert properties_of([]) == {"span": 0, "version": 0}
    assert spans_in({"span": 0, "version": 0}) == ()
