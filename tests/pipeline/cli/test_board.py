"""`trainworks board`: TensorBoard as a process, on the runs of one pipeline, for this machine alone."""

import json
import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.real.project import TRAINWORKS

PIPELINE = """\
name: mail
data: {format: csv, splits: {train: mail.csv}, features: {text: body}, label: topic}
model: {family: linear}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mail.yaml"
    path.write_text(PIPELINE)
    return path


def write_run(workspace: Path, pipeline: str, run: str) -> None:
    """What training leaves for TensorBoard, written by TensorBoard's own parts."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(str(workspace / "tensorboard" / pipeline / run / "Trainer" / "train"))
    writer.add_event(Event(step=1, summary=Summary(value=[Summary.Value(tag="loss", simple_value=0.5)])))
    writer.close()


@pytest.mark.slow
def test_it_shows_the_runs_of_this_pipeline_until_it_is_stopped(file: Path) -> None:
    write_run(file.parent / ".trainworks", "mail", "first")
    write_run(file.parent / ".trainworks", "other", "second")
    board = subprocess.Popen(
        [TRAINWORKS, "board", file, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert board.stdout is not None
        said = board.stdout.readline()
        url = re.fullmatch(r"TensorBoard of `mail`: (http://127\.0\.0\.1:\d+/)\n", said)
        assert url, said
        runs: list[str] = []
        while not runs:
            with urllib.request.urlopen(f"{url[1]}data/runs") as answer:
                runs = json.load(answer)
        assert runs == ["first/Trainer/train"]
        board.send_signal(signal.SIGINT)
        assert board.wait(timeout=60) == 0
    finally:
        board.kill()
        _, stderr = board.communicate()
    assert stderr == ""


def test_an_address_that_is_taken_is_said(file: Path, invoke: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = invoke("board", file, "--port", port)
    assert result.exit_code == 2
    assert f"must be an address of this machine that is free. Received: 127.0.0.1:{port}" in result.stderr
    assert "Nothing to show yet: no run of `mail` has trained" in result.stderr
    assert "tensorboard" not in {path.name for path in (file.parent / ".trainworks").glob("*")}


def test_an_address_of_another_machine(file: Path, invoke: Callable[..., Any]) -> None:
    result = invoke("board", file, "--host", "192.0.2.1")
    assert result.exit_code == 2
    assert "Received: 192.0.2.1:0" in result.stderr
