"""Which model is the champion."""

import shutil
from dataclasses import replace

import pytest

from pipeline.lineage.records import StoredArtifact
from schemas.artifacts import Examples, Model, ModelBlessing


@pytest.fixture
def evaluate(scribe):
    """Trains a model (or takes a given one), and judges it; returns the model."""

    def judged(blessed: int, *, model: StoredArtifact | None = None, **inputs: StoredArtifact) -> StoredArtifact:
        model = model or scribe.step("Trainer", {"model": scribe.folder_of(Model)})["model"]
        blessing = scribe.folder_of(ModelBlessing, blessed=blessed)
        scribe.step("Evaluator", {"blessing": blessing}, inputs={"model": model, **inputs}, fingerprint=model.digest)
        return model

    return judged


def test_there_is_none_at_first(scribe, lineage, evaluate) -> None:
    assert lineage.latest_blessed("news", other_than=None) is None
    evaluate(0)
    assert lineage.latest_blessed("news", other_than=None) is None
    assert lineage.latest_blessed("weather", other_than=None) is None


def test_the_newest_blessed_one(lineage, evaluate) -> None:
    evaluate(1)
    second = evaluate(1)
    evaluate(0)
    assert lineage.latest_blessed("news", other_than=None) == second


def test_pipelines_do_not_share_champions(scribe, lineage, evaluate) -> None:
    evaluate(1)
    assert lineage.latest_blessed("weather", other_than=None) is None


def test_not_the_candidate_itself(lineage, evaluate) -> None:
    first, second = evaluate(1), evaluate(1)
    assert lineage.latest_blessed("news", other_than=second) == first
    strange = replace(second, id=999, digest="x")
    assert lineage.latest_blessed("news", other_than=strange) == first  # by uri
    strange = replace(second, id=999, uri=second.uri / "moved")
    assert lineage.latest_blessed("news", other_than=strange) == first  # by digest
    strange = replace(strange, digest="")
    assert lineage.latest_blessed("news", other_than=strange) == second


def test_an_unknown_digest_equals_nothing(scribe, lineage, evaluate) -> None:
    model = lineage.publish(scribe.start("Trainer"), {"model": (scribe.folder_of(Model), "")}, [])["model"]
    evaluate(1, model=model)
    other = replace(model, id=999, uri=model.uri / "other")
    assert lineage.latest_blessed("news", other_than=other) == model


def test_a_champion_whose_files_are_gone_is_still_the_champion(lineage, evaluate) -> None:
    evaluate(1)
    second = evaluate(1)
    shutil.rmtree(second.uri)
    assert lineage.latest_blessed("news", other_than=None) == second


def test_the_candidate_counts_not_the_champion(lineage, evaluate) -> None:
    refused = evaluate(0)
    blessed = evaluate(1, champion=refused)
    assert lineage.latest_blessed("news", other_than=None) == blessed
    assert lineage.latest_blessed("news", other_than=blessed) is None


def test_a_failed_evaluation_blesses_nothing(scribe, lineage, evaluate) -> None:
    first = evaluate(1)
    second = scribe.step("Trainer", {"model": scribe.folder_of(Model)})
    lineage.fail(scribe.start("Evaluator", inputs=second), "broken")
    assert lineage.latest_blessed("news", other_than=None) == first


def test_a_blessing_from_cache_is_as_old_as_it_was(lineage, evaluate) -> None:
    first, second = evaluate(1), evaluate(1)
    cached = lineage.find_cached("news", "Evaluator", first.digest)
    assert cached is not None
    lineage.start_run("news", "run-2", "news.yaml")
    lineage.record_cached(
        pipeline="news", run_id="run-2", node="Evaluator", component="Evaluator", inputs=cached.inputs, cached=cached
    )
    assert lineage.latest_blessed("news", other_than=None) == second


def test_what_was_rolled_back_is_not_champion_again(scribe, lineage, evaluate) -> None:
    first, second = evaluate(1), evaluate(1)
    copy = lineage.publish(scribe.start("Trainer"), {"model": (scribe.folder_of(Model), second.digest)}, [])["model"]
    evaluate(1, model=copy)
    lineage.mark_rolled_back([second], "2026-11-25: wrong topics")
    assert lineage.latest_blessed("news", other_than=None) == first
    assert lineage.artifact(second.id).properties["rolled_back"] == "2026-11-25: wrong topics"
    assert lineage.latest_blessed("news", other_than=first) is None
    lineage.forgive(copy)
    assert lineage.latest_blessed("news", other_than=None) == copy
    assert lineage.latest_blessed("news", other_than=copy) == first


def test_all_that_may_be_champion_newest_first(lineage, evaluate) -> None:
    assert lineage.blessed("news") == []
    first = evaluate(1)
    evaluate(0)
    second = evaluate(1)
    assert lineage.blessed("news") == [second, first]


def test_a_model_that_was_made_of_other_data(scribe, lineage, evaluate) -> None:
    """A step before the training is given the champion of before, also once there is a newer one of the same data."""

    def night() -> tuple[StoredArtifact, StoredArtifact]:
        examples = scribe.step("ExampleGen", {"examples": scribe.folder_of(Examples)})["examples"]
        made = scribe.step("Trainer", {"model": scribe.folder_of(Model)}, inputs={"examples": examples})
        return examples, evaluate(1, model=made["model"])

    first_data, first = night()
    assert lineage.blessed_before("news", first_data) is None
    second_data, second = night()
    assert lineage.blessed_before("news", second_data) == first
    assert lineage.blessed_before("news", replace(second_data, id=999, uri=second_data.uri / "again")) == first
    assert lineage.blessed_before("news", first_data) == second
