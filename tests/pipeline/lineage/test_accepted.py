"""What a gate last let pass."""

from dataclasses import replace

import pytest

from pipeline.lineage.records import StoredArtifact
from schemas.artifacts import ExampleAnomalies, ExampleStatistics


@pytest.fixture
def night(scribe):
    """Makes statistics (or takes given ones), and judges them; returns them."""

    def judged(accepted: int, *, statistics: StoredArtifact | None = None) -> StoredArtifact:
        made = statistics or scribe.step("StatisticsGen", {"it": scribe.folder_of(ExampleStatistics)})["it"]
        anomalies = scribe.folder_of(ExampleAnomalies, accepted=accepted)
        scribe.step("ExampleValidator", {"anomalies": anomalies}, inputs={"statistics": made})
        return made

    return judged


@pytest.fixture
def latest(lineage):
    def found(other_than: StoredArtifact, pipeline: str = "news") -> StoredArtifact | None:
        return lineage.latest_accepted(pipeline, "ExampleValidator", "statistics", other_than=other_than)

    return found


def test_the_first_night_has_none_and_keeps_having_none(night, latest) -> None:
    first = night(1)
    assert latest(first) is None
    night(1, statistics=first)
    assert latest(first) is None


def test_the_newest_that_passed(night, latest) -> None:
    night(1)
    second = night(1)
    refused = night(0)
    assert latest(refused) == second
    assert latest(refused, "weather") is None


def test_a_night_that_is_judged_again_is_held_against_the_same(night, latest) -> None:
    first, second = night(1), night(1)
    assert latest(second) == first
    night(1, statistics=second)
    assert latest(second) == first


def test_data_that_comes_back_counts_as_the_newest(night, latest) -> None:
    first, second = night(1), night(1)
    night(1, statistics=first)
    assert latest(second) == first
    assert latest(first) == second
    third = night(1)
    assert latest(third) == first


def test_equal_content_is_the_same(night, latest) -> None:
    first, second = night(1), night(1)
    assert latest(replace(second, id=999, uri=second.uri / "moved")) == first


def test_what_was_taken_from_cache_counts_too(scribe, lineage, night, latest) -> None:
    first, second = night(1), night(1)
    anomalies = scribe.folder_of(ExampleAnomalies, accepted=1)
    scribe.step("ExampleValidator", {"anomalies": anomalies}, inputs={"statistics": first}, fingerprint="f")
    night(1, statistics=second)
    cached = lineage.find_cached("news", "ExampleValidator", "f")
    lineage.record_cached(
        pipeline="news",
        run_id="run-1",
        node="ExampleValidator",
        component="ExampleValidator",
        inputs={"statistics": first},
        cached=cached,
    )
    assert latest(night(1)) == first
