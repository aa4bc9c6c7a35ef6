"""Answers about pairs of texts, from raw rows to words that speak for them, through the real command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.real.project import PIPELINE, ROWS, Project, as_csv, make_project

pytestmark = pytest.mark.slow

FEATURES = ("question", "answer")
MODELS: dict[str, dict[str, Any]] = {
    "linear": {"model": {"family": "linear"}},
    "bert": {
        "model": {"family": "bert", "size": "tiny", "sequence_length": 64},
        "training": {"epochs": 8, "batch_size": 16, "learning_rate": 1e-3},
    },
}


def rows() -> list[tuple[str, str, str]]:
    """Questions of all kinds, and answers of which one word says what they come to."""
    found, texts = [], [text for text, _ in ROWS]
    for place, (question, other) in enumerate(zip(texts, texts[5:], strict=False)):
        word, label = [("gladly", "yes"), ("never", "no")][place % 2]
        found.append((question, f"{word} {other}" if place % 3 else f"{other} {word}", label))
    return found


@pytest.fixture(params=list(MODELS))
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    data = {**PIPELINE["data"], "features": {name: name for name in FEATURES}, "label": "label"}
    settings = {**PIPELINE, **MODELS[request.param], "data": data}
    return make_project(tmp_path / "project", settings, as_csv(rows(), header=(*FEATURES, "label")))


def test_the_word_that_decides_is_found_in_its_own_text(project: Project) -> None:
    run = project.run()
    assert run.exit_code == 0, run.stderr
    asked = ["question=Will my parcel come", "answer=we send it again gladly"]
    page = project.folder / "page.html"
    told = project.trainworks("explain", "served/tickets", *asked, "--html", page, "--json")
    assert told.exit_code == 0, told.stderr
    (found,) = (json.loads(line) for line in told.stdout.splitlines())
    assert found["label"] == "yes"
    strongest = max(found["words"], key=lambda word: word["attribution"])
    assert (strongest["feature"], strongest["word"], strongest["start"]) == ("answer", "gladly", 17)
    assert "<h3>question</h3>" in page.read_text(encoding="utf-8")
