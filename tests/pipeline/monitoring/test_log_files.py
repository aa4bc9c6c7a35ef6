"""Which logs and labels there are."""

from pathlib import Path

import pytest

from pipeline.monitoring.log_files import label_data, log_files
from schemas.config import DelayedLabels, PipelineConfig
from schemas.errors import ConfigError

CONFIG = PipelineConfig.model_validate(
    {
        "name": "tickets",
        "data": {"format": "csv", "splits": {"train": "t.csv"}, "features": {"text": "body"}, "label": "topic"},
        "model": {"family": "linear"},
    }
)


def test_logs_that_are_being_written_count_where_their_final_names_would(tmp_path: Path) -> None:
    for name in ("b.tfrecord", ".c.tfrecord", "a.tfrecord", "notes.txt", ".hidden.txt"):
        (tmp_path / name).touch()
    found = log_files(["*.tfrecord", "a*"], tmp_path)
    assert [shown for _, shown in found] == [".c.tfrecord", "a.tfrecord", "b.tfrecord"]
    assert found[0][0] == tmp_path / ".c.tfrecord"


def test_a_glob_that_matches_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`monitoring.logs` must match files .* Received: 'requests/\*'"):
        log_files("requests/*", tmp_path)
    with pytest.raises(ConfigError, match=r"`monitoring.labels.files` must match files of labels"):
        label_data(DelayedLabels(files="*.csv"), CONFIG, tmp_path)


def test_labels_are_found_by_what_was_asked_or_by_a_key(tmp_path: Path) -> None:
    (tmp_path / "l.jsonl.gz").touch()
    by_text = label_data(DelayedLabels(files="l.jsonl.gz"), CONFIG, tmp_path)
    assert (by_text.format, by_text.features, by_text.label) == ("jsonl", {"text": "body"}, "topic")
    by_key = label_data(DelayedLabels(files="l.jsonl.gz", key="id", label="truth"), CONFIG, tmp_path)
    assert (by_key.features, by_key.label) == ({"key": "id"}, "truth")
    with pytest.raises(ConfigError, match=r"`monitoring.labels.format` must say what the files are: csv, jsonl"):
        label_data(DelayedLabels(files="l.*"), CONFIG, tmp_path)
