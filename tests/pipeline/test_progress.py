"""What a person sees of a run, on a terminal and elsewhere."""

import fcntl
import io
import os
import pty
import re
import struct
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline import progress
from pipeline.progress import Terminal
from pipeline.tables import duration, printable, write_table, write_verdict
from schemas.verdict import RuleVerdict, Verdict

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def read_all(descriptor: int) -> str:
    chunks = []
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        chunks.append(chunk)
    return b"".join(chunks).decode()


def terminal_of(columns: int) -> tuple[int, int]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    return ours, theirs


def test_on_a_terminal_there_is_a_bar_and_a_line_a_step(
    start: Callable[..., Any], bytecode: dict[str, str], project: Path
) -> None:
    (project / "rows.txt").write_text("good\n")
    ours, theirs = terminal_of(80)
    environment = {**bytecode, "TERM": "xterm-256color"}
    process = start("run_pipeline(toy_pipeline(base, seconds=0.2))", stderr=theirs, env=environment).popen
    os.close(theirs)
    told = read_all(ours)
    assert process.wait(timeout=60) == 0
    assert process.stdout.read() == ""
    assert "\x1b[32m  ToyGen        executed" in told
    plain = ESCAPES.sub("", told)
    assert "━" in plain and "loss" in plain
    finished = [line for line in re.split(r"[\r\n]+", plain) if re.match(r"  Toy\w+ +executed +[\d.]+ s", line)]
    assert [line.split()[0] for line in finished] == [
        "ToyGen",
        "ToySchema",
        "ToyValidator",
        "ToyTrainer",
        "ToyEvaluator",
        "ToyPusher",
    ]


def test_elsewhere_there_are_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_INTERVAL", 0.0)
    stream = io.StringIO()
    terminal = Terminal(stream, ("Gen", "Trainer"))
    with terminal.step("Trainer") as step, step.progress("epoch 1", total=10) as bar:
        bar.advance(4, loss=0.5)
    terminal.finished("Trainer", "executed", 75.2, "first run")
    terminal.finished("Gen", "skipped", 0.0, "Trainer said no")
    assert stream.getvalue().splitlines() == [
        "    Trainer: epoch 1: 4/10 loss 0.5",
        "  Trainer  executed   1 min 15 s  first run",
        "  Gen      skipped                Trainer said no",
    ]


def test_a_terminal_that_went_away_is_no_failure() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        Terminal(stream).line("anyone there?")
        stream.buffer.raw.close()  # type: ignore[attr-defined]


def test_tables_fit_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    verdict = Verdict(
        rules=(
            RuleVerdict(
                rule="unknown_label",
                expected="at most 0 % of labels outside the domain earn, acq, crude, trade, money-fx, interest",
                found="12.5 % (274 rows)",
                verdict="failed",
                rows=("data/reuters/test.csv:12: a [bold]label[/] that is rather long",),
            ),
        )
    )
    ours, theirs = terminal_of(80)
    with os.fdopen(theirs, "w") as stream:
        write_verdict(stream, "ExampleValidator", verdict)
    told = ESCAPES.sub("", read_all(ours))
    lines = told.splitlines()
    assert max(map(len, lines)) <= 80
    assert "[bold]" in told.replace("\n", "")


def test_where_there_is_no_terminal_a_row_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    stream = io.StringIO()
    write_table(stream, ("name", ">value"), [("x" * 100, "1"), ("y", "22")])
    assert [line.strip() for line in stream.getvalue().splitlines() if line.strip(" ─")] == [
        f"{'name':<100}   value",
        f"{'x' * 100}       1",
        f"{'y':<100}      22",
    ]


def test_durations_and_control_characters() -> None:
    assert [duration(s) for s in (0.04, 9.96, 59.4, 59.6, 3599.6, 7500)] == [
        "0.0 s",
        "10.0 s",
        "59 s",
        "1 min 00 s",
        "1 h 00 min",
        "2 h 05 min",
    ]
    assert printable("a\x1b[31m\x00\tb\nc\x9b") == "a\\x1b[31m\\x00\\tb\nc\\x9b"
