"""README tells the truth: its commands exist, its files load, and what it shows runs as shown.

A block that runs stands below a comment `<!-- tested: NAME -->`.
"""

import contextlib
import importlib
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from pipeline.assembly import pipeline_from_file
from pipeline.cli.main import COMMANDS
from schemas.pipeline_file import load

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def block(name: str) -> str:
    """The content of a tested block."""
    found = re.search(rf"^<!-- tested: {name} -->\n```\w+\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    assert found, f"README has no tested block `{name}`"
    return found[1]


def commands(program: str) -> list[str]:
    """Uses of a program in code blocks and in `code`, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    lines = [line.strip() for content in blocks for line in content.splitlines()]
    return [code for code in lines + re.findall(r"`([^`\n]+)`", README) if code.split()[:1] == [program]]


def run(command: list[str], folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    finished = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.mark.parametrize("command", commands("make"))
def test_make_targets_exist(command: str) -> None:
    targets = [word for word in shlex.split(command)[1:] if "=" not in word]
    assert set(targets) <= TARGETS


@pytest.mark.parametrize("command", commands("trainworks"))
def test_commands_and_their_options_exist(command: str) -> None:
    name, *words = shlex.split(command, comments=True)[1:]
    if name.startswith("-"):
        return
    assert name in COMMANDS
    found = importlib.import_module(f"pipeline.cli.{name}").command
    options = {option for parameter in found.params for option in parameter.opts if isinstance(parameter, click.Option)}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options


def test_pipeline_file_assembles(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text(block("pipeline file"), encoding="utf-8")
    assert pipeline_from_file(file).name == "reuters-r8"


def test_validation_rules_exist(tmp_path: Path) -> None:
    file = tmp_path / "pipeline.yaml"
    file.write_text(block("pipeline file") + block("validation"), encoding="utf-8")
    rules = load(file).validation
    assert (rules.leakage.at_most, rules.near_duplicates.severity) == (0.02, "off")


@pytest.mark.slow
def test_newcomers_way(tmp_path: Path) -> None:
    said = run(["bash", "-e", "-c", block("newcomer")], tmp_path)
    assert "billing" in said.splitlines()[-1]
    versions = list((tmp_path / "tickets" / "served" / "tickets").iterdir())
    assert [(version / "saved_model.pb").is_file() for version in versions] == [True, True]


@pytest.mark.slow
def test_pipeline_composed_in_python(tmp_path: Path) -> None:
    run(["trainworks", "init", "tickets", "--task", "text"], tmp_path)
    status, accuracy, pushed = run([sys.executable, "-c", block("python")], tmp_path / "tickets").split()[-3:]
    assert status == "succeeded"
    assert float(accuracy) > 0.5
    assert (tmp_path / "tickets" / pushed / "saved_model.pb").is_file()


@pytest.mark.slow
def test_three_nights(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        ["bash", "-e", "-c", block("nights")],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said = process.communicate(timeout=500)[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the daemon, where a command before its end has failed
    assert process.returncode == 0, said
    mornings = re.findall(r"tickets: run \S+ (succeeded|refused) after [^:\n]+(?:: (\w+ refused: \w+))?", said)
    assert mornings == [
        ("succeeded", ""),
        ("succeeded", ""),
        ("refused", "ExampleValidator refused: unknown_label"),
        ("succeeded", ""),
    ]
    assert "spans     1-2 version 1, 3 version 2" in said
    pushed = tmp_path / "tickets" / "served" / "tickets"
    _, second, third, restored = sorted(path.name for path in pushed.iterdir() if path.name.isdigit())
    assert f"version {third} was rolled back. The model of version {second} serves again, as version {restored}" in said
    assert "billing" in said.splitlines()[-1]


@pytest.mark.slow
def test_data_in_spans(tmp_path: Path) -> None:
    said = run(["bash", "-e", "-c", f"exec 2>&1\n{block('spans')}"], tmp_path)
    assert re.findall(r"^spans .*", said, flags=re.MULTILINE) == ["spans     1-3", "spans     1-3", "spans     1-4"]
    assert "left for the next run, still being written: span 4" in said
