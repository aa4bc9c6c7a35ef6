"""New spans start runs: each once, when it is complete."""

import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.schedule.pipeline_file import PipelineFile
from pipeline.schedule.span_watch import SpanWatch
from schemas.errors import ConfigError

PIPELINE = """\
name: news
data: {format: csv, spans: "data/span-{SPAN}/*.csv", features: {text: text}, label: topic}
model: {family: linear}
schedule: {on_new_span: true, poll: 10s}
"""


@pytest.fixture
def file(tmp_path: Path) -> PipelineFile:
    (tmp_path / "news.yaml").write_text(PIPELINE)
    return PipelineFile(tmp_path / "news.yaml")


def write(folder: Path, span: int, at: float) -> None:
    """A file of a span, as old as it would be if it was written at this time."""
    path = folder / "data" / f"span-{span}" / "a.csv"
    path.parent.mkdir(parents=True)
    path.write_text("text,topic\na,b\n")
    os.utime(path, (at, at))


def test_a_span_is_due_once_it_has_settled(file: PipelineFile, tmp_path: Path, hands: Any) -> None:
    watch = SpanWatch(tmp_path, hands.clock)
    write(tmp_path, 1, hands.wall - 3600)
    write(tmp_path, 2, hands.wall - 30)
    assert [(due.key, due.reason, due.passes) for due in watch.look(file.config)] == [("1/0", "span 1", False)]
    hands.pass_(seconds=5)
    assert watch.look(file.config) == []
    hands.pass_(seconds=40)
    assert [due.key for due in watch.look(file.config)] == ["2/0"]
    hands.pass_(seconds=40)
    assert watch.look(file.config) == []


def test_what_hinders_looking_is_said_once(
    file: PipelineFile, tmp_path: Path, hands: Any, caplog: pytest.LogCaptureFixture
) -> None:
    watch = SpanWatch(tmp_path, hands.clock)
    write(tmp_path, 1, hands.wall - 3600)
    (tmp_path / "data" / "span-01").mkdir()
    (tmp_path / "data" / "span-01" / "a.csv").write_text("text,topic\n")
    for _ in range(3):
        assert watch.look(file.config) == []
        hands.pass_(seconds=40)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("news: new spans cannot be looked for: ")


def test_data_that_has_no_spans(tmp_path: Path) -> None:
    path = tmp_path / "news.yaml"
    path.write_text(PIPELINE.replace('spans: "data/span-{SPAN}/*.csv"', "splits: {train: a.csv}"))
    with pytest.raises(ConfigError) as caught:
        PipelineFile(path)
    assert str(caught.value) == (
        f"{path}:4: `schedule.on_new_span` is for data that comes in spans, such as"
        " `data: {spans: data/span-{SPAN}/*.csv}`."
    )
