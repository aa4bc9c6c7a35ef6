"""Retries with back-off, and time limits."""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from components.component import Component
from pipeline.attempts import attempted
from pipeline.cancellation import Canceled, Cancellation
from pipeline.lineage.store import Lineage
from pipeline.runner import run_pipeline
from schemas.config import StepConfig
from schemas.errors import ConfigError, DataError, TrainingError


class Failures:
    """Work that fails with these, one a call, and then returns how often it was called."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.calls


def tried(
    work: Failures, *, waits: Callable[[], None] = lambda: None, **config: Any
) -> tuple[int, list[tuple[str, float, int]]]:
    """What work returned, and what was told before each wait; `waits` is called there, too."""
    told: list[tuple[str, float, int]] = []

    def tell(error: BaseException, seconds: float, retry: int) -> None:
        told.append((str(error), seconds, retry))
        waits()

    with Cancellation() as cancellation:
        value = attempted(
            work,
            StepConfig(**config),
            cancellation=cancellation,
            tell=tell,
        )
    return value, told


def test_waits_grow_up_to_the_longest() -> None:
    work = Failures(OSError("a"), ConnectionError("b"), SystemExit(3))
    value, told = tried(work, retries=3, backoff_seconds=0.01, backoff_factor=3, max_backoff_seconds=0.05)
    assert value == 4
    assert told == [("a", 0.01, 1), ("b", 0.03, 2), ("3", 0.05, 3)]


def test_the_last_error_is_raised_as_it_was() -> None:
    last = OSError("last")
    with pytest.raises(OSError, match="last") as caught:
        tried(Failures(OSError("first"), last, OSError("never")), retries=1, backoff_seconds=0)
    assert caught.value is last


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("`x` is wrong"),
        DataError("no rows"),
        TrainingError("the loss is NaN"),
        RuntimeError("schemas.errors.DataError: no rows [while running 'read']"),
        Canceled(signal.SIGTERM),
    ],
)
def test_what_cannot_pass_is_not_tried_again(error: BaseException) -> None:
    work = Failures(error)
    with pytest.raises(type(error)):
        tried(work, retries=5, backoff_seconds=0)
    assert work.calls == 1


def test_a_signal_ends_the_wait() -> None:
    terminate = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))
    with pytest.raises(Canceled):
        tried(Failures(OSError("x")), waits=terminate.start, retries=1, backoff_seconds=3600, max_backoff_seconds=3600)


@pytest.fixture
def moody(toys: ModuleType) -> Callable[..., Component]:
    """A step that fails, or takes an hour, as often as `times` says; the calls stand in `calls.log`."""

    class Moody(toys.ToyGen):  # type: ignore[name-defined, misc]
        times: int
        slow: bool = False

        def run(self, context: Any) -> None:
            calls = context.base / "calls.log"
            with calls.open("a") as log:
                log.write("called\n")
            if len(calls.read_text().split()) <= self.times:
                if not self.slow:
                    raise ConnectionError("the store is away")
                time.sleep(3600)
            super().run(context)

    return Moody


def test_a_run_tries_a_step_again_and_lineage_has_every_attempt(
    toys: ModuleType, project: Path, moody: Callable[..., Component], capsys: pytest.CaptureFixture[str]
) -> None:
    steps = {"default": StepConfig(retries=2, backoff_seconds=0.01)}
    result = run_pipeline(toys.Pipeline("p", [moody(source="rows.txt", times=2)], base=project, steps=steps))
    assert (result.status, result.exit_code) == ("succeeded", 0)
    with closing(Lineage(project / ".trainworks" / "metadata.sqlite")) as lineage:
        assert [execution.state for execution in lineage.for_run(result.run_id)] == ["failed", "failed", "complete"]
    said = capsys.readouterr().err
    assert "warning: Moody failed, tries again in 0.0 s (1 of 2): ConnectionError: the store is away" in said
    assert "Traceback" in result.log.read_text() and "Traceback" not in said


def test_a_step_over_its_time_is_stopped_and_fails(
    toys: ModuleType, project: Path, moody: Callable[..., Component], capsys: pytest.CaptureFixture[str]
) -> None:
    steps = {"Moody": StepConfig(timeout_seconds=0.5)}
    result = run_pipeline(toys.Pipeline("p", [moody(source="rows.txt", times=1, slow=True)], base=project, steps=steps))
    assert (result.status, result.exit_code) == ("failed", 1)
    assert result["Moody"].reason.startswith(
        "Moody failed: it took longer than its time limit, 0.5 s, and was stopped (`timeout_seconds` of `steps.Moody`"
    )
    assert "Canceled" not in capsys.readouterr().err
    assert list((project / ".trainworks" / "tmp").glob("*/*")) == []
    with closing(Lineage(project / ".trainworks" / "metadata.sqlite")) as lineage:
        assert [execution.state for execution in lineage.for_run(result.run_id)] == ["failed"]


def test_a_step_over_its_time_is_tried_again(toys: ModuleType, project: Path, moody: Callable[..., Component]) -> None:
    # Where the machine is busy, more than the first try may come to the end of its time.
    steps = {"default": StepConfig(retries=50, backoff_seconds=0.01), "Moody": StepConfig(timeout_seconds=1.5)}
    result = run_pipeline(toys.Pipeline("p", [moody(source="rows.txt", times=1, slow=True)], base=project, steps=steps))
    assert result.status == "succeeded"
    assert len((project / "calls.log").read_text().split()) >= 2
    with closing(Lineage(project / ".trainworks" / "metadata.sqlite")) as lineage:
        *stopped, last = lineage.for_run(result.run_id)
    assert last.state == "complete"
    assert {(one.state, one.message) for one in stopped} == {
        ("failed", "took longer than its time limit, 1.5 s, and was stopped")
    }


def test_a_refused_gate_is_not_tried_again(toys: ModuleType, project: Path) -> None:
    (project / "rows.txt").write_text("bad\n")
    pipeline = toys.toy_pipeline(project)
    again = toys.Pipeline("toy", pipeline.components, base=project, steps={"default": StepConfig(retries=3)})
    result = run_pipeline(again)
    with closing(Lineage(project / ".trainworks" / "metadata.sqlite")) as lineage:
        assert [execution.node for execution in lineage.for_run(result.run_id)] == [
            "ToyGen",
            "ToySchema",
            "ToyValidator",
        ]
    assert result.exit_code == 3


def test_an_entry_for_a_step_that_is_not_there(toys: ModuleType, project: Path) -> None:
    gen = toys.ToyGen(source="rows.txt")
    with pytest.raises(ConfigError) as caught:
        toys.Pipeline("p", [gen], base=project, steps={"ToyGem": StepConfig()})
    assert str(caught.value) == (
        "`steps.ToyGem` is for no step of this pipeline. Expected: `default` or one of ToyGen. Did you mean `ToyGen`?"
    )
