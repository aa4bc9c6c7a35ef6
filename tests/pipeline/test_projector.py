"""Files of vectors, as TensorBoard reads them."""

import csv
import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from google.protobuf import text_format
from tensorboard.plugins.projector import ProjectorConfig

from pipeline.cli.main import trainworks

TEXTS = ["good film", "bad\tfilm", "", "\u597d"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Embeds a text as its length and the number of its words, and calls it short or long."""
    import tensorflow as tf

    class Lengths(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
        def embed(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
            words = tf.strings.split(text).row_lengths()
            numbers = tf.stack([tf.cast(tf.strings.length(text), tf.float32), tf.cast(words, tf.float32)], axis=1)
            return {"embedding": numbers / 8.0}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
        def serve(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"label": tf.where(tf.strings.length(text) > 4, "long", "short")}

    folder, module = tmp_path_factory.mktemp("lengths"), Lengths()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve, "embed": module.embed})
    return folder


def embed(*arguments: object) -> Result:
    return CliRunner().invoke(trainworks, ["embed", *map(str, arguments)])


def test_vectors_and_what_they_are_of(model: Path, tmp_path: Path) -> None:
    result = embed(model, *TEXTS, "--out", tmp_path / "vectors")
    assert result.exit_code == 0, result.output
    assert "4 vectors" in result.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"vectors"}
    np.testing.assert_allclose(
        np.loadtxt(tmp_path / "vectors" / "vectors.tsv"), [[9 / 8, 0.25], [1, 0.25], [0, 0], [3 / 8, 1 / 8]]
    )
    with (tmp_path / "vectors" / "metadata.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, "excel-tab"))
    assert rows == [
        ["input", "answer"],
        ["good film", "long"],
        ["bad film", "long"],
        ["", "short"],
        ["\u597d", "short"],
    ]
    config = text_format.Parse((tmp_path / "vectors" / "projector_config.pbtxt").read_text(), ProjectorConfig())
    assert list(config.embeddings[0].tensor_shape) == [4, 2]


def test_more_than_a_batch_from_a_file(model: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("".join(f"{'x' * (n % 50)}\n" for n in range(1000)))
    assert embed(model, f"@{tmp_path / 'texts.txt'}", "--out", tmp_path / "vectors").exit_code == 0
    found = np.loadtxt(tmp_path / "vectors" / "vectors.tsv")
    np.testing.assert_allclose(found[:, 0], np.arange(1000) % 50 / 8)


def test_nothing_is_overwritten_and_nothing_half_written(model: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept").touch()
    result = embed(model, "a", "--out", tmp_path / "full")
    assert result.exit_code == 2 and "must be a new folder, or an empty one" in result.stderr
    result = embed(model, "a", "--out", tmp_path / "no" / "vectors")
    assert result.exit_code == 2 and "must be in a folder that is there" in result.stderr
    result = embed(model, f"@{tmp_path / 'none'}", "--out", tmp_path / "vectors")
    assert result.exit_code == 2
    assert {path.name for path in tmp_path.iterdir()} == {"full"}


@pytest.mark.slow
def test_tensorboard_shows_them(model: Path, tmp_path: Path) -> None:
    assert embed(model, *TEXTS, "--out", tmp_path / "vectors").exit_code == 0
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(tmp_path / "vectors"), "--port", "0"]
    with subprocess.Popen([*command, "--host", "127.0.0.1"], stderr=subprocess.PIPE, text=True) as board:
        try:
            assert board.stderr is not None
            address = next(found[0] for line in board.stderr if (found := re.search(r"http://127\.0\.0\.1:\d+/", line)))

            def read(path: str) -> bytes:
                with urllib.request.urlopen(f"{address}data/plugin/projector/{path}", timeout=60) as reply:
                    found: bytes = reply.read()
                    return found

            (run,) = json.loads(read("runs"))
            query = f"run={run}&name=embedding"
            vectors = np.frombuffer(read(f"tensor?{query}"), np.float32).reshape(4, 2)
            np.testing.assert_allclose(vectors[0], [9 / 8, 0.25])
            assert read(f"metadata?{query}").decode().splitlines()[1] == "good film\tlong"
        finally:
            board.terminate()
