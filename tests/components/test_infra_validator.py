"""InfraValidator: a real server process for every candidate, well-behaved or not."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from components.component import Channel, Component, Context
from components.infra_validator import InfraValidator
from schemas.artifacts import Examples, InfraBlessing, Model
from schemas.config import InfraValidationConfig
from schemas.errors import ConfigError, DataError
from schemas.verdict import RuleVerdict, Verdict
from tests.components.conftest import DataSteps
from tests.components.infra.models import crashing, export, hanging, in_python, length, nothing, off, raising

ROWS = [{"text": text, "label": "a"} for text in ("one", "two words", "", "文字" * 20)]


class Trials:
    """Tries models that are made on the spot."""

    def __init__(self, steps: DataSteps, context: Context) -> None:
        self.steps, self.context = steps, context
        self.blessing = InfraBlessing(steps.folder())

    def rules(
        self, score: Callable[[Any], Any], examples: Examples | None = None, **config: Any
    ) -> dict[str, RuleVerdict]:
        model = Model(self.steps.folder())
        export(model.serving, score)
        step = InfraValidator(
            model=Channel(Component(), "model", Model),
            examples=Channel(Component(), "examples", Examples),
            infra_config=InfraValidationConfig(**{"max_loading_time_seconds": 60, "num_requests": 20, **config}),
            model_name="scorer",
            features={"text": "text"},
            split="test",
        )
        inputs = {"model": model, "examples": examples or self.steps.examples({"test": ROWS})}
        step.bind(inputs, {"infra_blessing": self.blessing}).run(self.context)
        return {rule.rule: rule for rule in Verdict.load(self.blessing.uri).rules}

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.blessing.uri.iterdir()}


@pytest.fixture
def trials(steps: DataSteps, context: Context) -> Trials:
    return Trials(steps, context)


def _failed(rules: dict[str, RuleVerdict]) -> dict[str, str]:
    return {name: rule.found for name, rule in rules.items() if rule.verdict == "failed"}


def _children() -> set[str]:
    pids = [path.name for path in Path("/proc").iterdir() if path.name.isdigit()]
    lines = {pid: _status(pid) for pid in pids}
    return {pid for pid, status in lines.items() if f"PPid:\t{os.getpid()}\n" in status}


def _status(pid: str) -> str:
    try:
        return Path("/proc", pid, "status").read_text()
    except OSError:
        return ""


def test_without_a_server_the_graph_alone_is_checked(trials: Trials) -> None:
    assert list(trials.rules(length, serving_binary="none")) == ["ops", "signatures"]
    assert trials.files == {"BLESSED", "verdict.json"}
    assert trials.blessing.properties["blessed"] == 1


def test_an_op_that_servers_lack_is_refused_unless_yours_has_it(trials: Trials) -> None:
    (found,) = _failed(trials.rules(in_python)).values()
    assert "PyFunc" in found
    assert trials.files == {"NOT_BLESSED", "verdict.json"}
    assert trials.blessing.properties["blessed"] == 0


@pytest.mark.slow
def test_a_sound_candidate_is_blessed(trials: Trials) -> None:
    before = _children()
    rules = trials.rules(length, max_latency_p50_ms=1000, max_latency_p99_ms=2000, max_memory_mb=4000)
    assert not _failed(rules)
    assert list(rules) == [
        "ops", "signatures", "loads", "answers", "agrees", "latency_p50", "latency_p99", "memory",
    ]  # fmt: skip
    assert rules["answers"].found == "20 of one example, one of 4"
    assert rules["agrees"].found == "`score` differs by 0.0e+00"
    assert 100 < float(rules["memory"].found.removesuffix(" MB")) < 4000
    assert not _children() - before
    assert not (trials.context.scratch / "candidate").exists()


@pytest.mark.slow
def test_limits(trials: Trials) -> None:
    rules = trials.rules(off, max_latency_p50_ms=0.001, max_latency_p99_ms=1e6, max_memory_mb=1)
    assert _failed(rules).keys() == {"agrees", "latency_p50", "memory"}
    assert rules["agrees"].found.startswith("`score` differs by 1.0e-03")
    assert rules["latency_p50"].expected == "at most 0.001 ms"
    assert not _failed(trials.rules(off, tolerance=0.01))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("score", "rule", "found"),
    [
        (crashing, "loads", "ended by signal 6"),
        (raising, "loads", "never"),
        (hanging, "loads", ""),
        (nothing, "agrees", "`score` differs by inf"),
    ],
)
def test_a_candidate_that_cannot_serve_is_refused(
    trials: Trials, score: Callable[[Any], Any], rule: str, found: str
) -> None:
    before, started = _children(), time.monotonic()
    failed = _failed(trials.rules(score, max_request_seconds=2, max_loading_time_seconds=30))
    assert list(failed) == [rule]
    assert found in failed[rule]
    assert trials.files == {"NOT_BLESSED", "verdict.json"}
    assert not _children() - before
    assert time.monotonic() - started < 60


@pytest.mark.slow
def test_a_server_that_does_not_come_up_in_time_is_given_up(trials: Trials) -> None:
    before = _children()
    assert _failed(trials.rules(length, max_loading_time_seconds=0.1)) == {
        "loads": "the server's process does not listen in time"
    }
    assert not _children() - before


def test_examples_are_needed(trials: Trials) -> None:
    with pytest.raises(DataError, match="needs examples of split `test`"):
        trials.rules(length, trials.steps.examples({"train": ROWS}))


def test_no_docker_is_a_clear_error(trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError, match="needs Docker, and there is no command `docker` here"):
        trials.rules(length, serving_binary="tensorflow_serving")


def test_docker_that_fails_is_a_clear_error(trials: Trials, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(ConfigError, match="`docker run` fails: Cannot connect to the Docker daemon"):
        trials.rules(length, serving_binary="tensorflow_serving")


@pytest.mark.parametrize(
    "settings",
    [{"image": "mine"}, {"serving_binary": "tensorflow_serving", "max_memory_mb": 5}, {"serving_binary": "other"}],
)
def test_settings_that_contradict(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        InfraValidationConfig(**settings)
