"""Ctrl-C and SIGTERM."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pipeline import cancellation as cancellation_module
from pipeline.cancellation import Canceled, Cancellation, Deadline, TimedOut
from pipeline.lineage.store import Lineage
from pipeline.runner import run_pipeline

RUN = """
    result = run_pipeline(toy_pipeline(base, seconds=30))
    print(result.json())
    sys.exit(result.exit_code)
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_step_and_leaves_nothing_half_written(
    start: Callable[..., Any], toys: ModuleType, project: Path, signum: signal.Signals
) -> None:
    process = start(RUN).popen
    while not (project / "epochs.log").exists():
        assert process.poll() is None
    process.send_signal(signum)
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 128 + signum
    told = json.loads(stdout)
    assert told["status"] == "canceled"
    assert [step["status"] for step in told["components"]] == ["executed"] * 3 + ["failed"] + ["skipped"] * 2
    assert told["components"][3]["reason"] == f"canceled by {signum.name}"
    assert "Canceled. Finished steps stay; the next run carries on from there." in stderr
    assert "Traceback" not in stderr
    assert list((project / ".trainworks" / "tmp").glob("*/*")) == []
    assert not (project / ".trainworks" / "artifacts" / "toy" / "ToyTrainer").exists()
    with closing(Lineage(project / ".trainworks" / "metadata.sqlite")) as lineage:
        assert [run.status for run in lineage.runs(1)] == ["canceled"]
        assert [execution.state for execution in lineage.for_run(told["run_id"])] == ["complete"] * 3 + ["canceled"]
    result = run_pipeline(toys.toy_pipeline(project))
    assert [step.status for step in result.components] == ["cached"] * 3 + ["executed"] * 3


def test_python_users_get_a_keyboard_interrupt(toys: ModuleType, project: Path) -> None:
    def interrupt() -> None:
        while not (project / "epochs.log").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt, match="canceled by SIGINT"):
        toys.toy_pipeline(project, seconds=30).run()


def test_a_step_that_swallows_the_signal_is_canceled_all_the_same(toys: ModuleType, project: Path) -> None:
    class Stubborn(toys.ToyGen):  # type: ignore[name-defined, misc]
        def run(self, context: Any) -> None:
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(30)
            except BaseException as error:
                raise RuntimeError("wrapped") from error

    result = run_pipeline(toys.Pipeline("p", [Stubborn(source="rows.txt")], base=project))
    assert (result.status, result.exit_code) == ("canceled", 130)


def test_a_signal_whose_exception_is_lost_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancellation_module, "AGAIN_SECONDS", 0.2)
    with Cancellation() as cancellation, pytest.raises(Canceled), cancellation.interruptible():
        with suppress(Canceled):
            os.kill(os.getpid(), signal.SIGINT)
        time.sleep(3600)
    time.sleep(0.5)  # nothing comes once the step has ended


def test_outside_interruptible_work_a_signal_waits() -> None:
    acts = []
    with Cancellation() as cancellation:
        os.kill(os.getpid(), signal.SIGINT)
        acts.append("published")
        with pytest.raises(Canceled, match="SIGINT") as caught, cancellation.interruptible():
            acts.append("never")
    assert acts == ["published"]
    assert caught.value.exit_code == 130


def test_a_time_limit_whose_exception_is_lost_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancellation_module, "AGAIN_SECONDS", 0.2)
    with Cancellation() as cancellation:
        with pytest.raises(TimedOut, match=r"0\.1 s"), cancellation.interruptible(Deadline.after(0.1)):
            with suppress(TimedOut):
                time.sleep(30)
            time.sleep(30)
        assert isinstance(cancellation.requested, TimedOut)
        with cancellation.interruptible():
            time.sleep(0.5)  # the next block knows nothing of it
        assert cancellation.requested is None


def test_an_interruption_that_became_another_error_is_told_as_what_it_was() -> None:
    with Cancellation() as cancellation:
        with pytest.raises(TimedOut) as told, cancellation.interruptible(Deadline.after(0.1)):
            try:
                time.sleep(30)
            except TimedOut:
                raise SystemError("as Python's parser makes of what is raised within it") from None
        assert isinstance(told.value.__cause__, SystemError)
        with pytest.raises(SystemError), cancellation.interruptible():
            raise SystemError("of its own")


def test_a_limit_has_no_effect_beyond_its_block() -> None:
    with Cancellation() as cancellation:
        for _ in range(200):
            with suppress(TimedOut), cancellation.interruptible(Deadline.after(0.001)):
                pass
        with cancellation.interruptible():
            time.sleep(0.05)


def test_a_signal_goes_before_a_time_limit() -> None:
    with Cancellation() as cancellation, pytest.raises(Canceled), cancellation.interruptible(Deadline.after(0.1)):
        with suppress(TimedOut):
            time.sleep(30)
        os.kill(os.getpid(), signal.SIGTERM)


def test_handlers_are_put_back_and_ignored_signals_stay_ignored() -> None:
    before = signal.getsignal(signal.SIGINT)
    previous = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with Cancellation() as cancellation:
            assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
            assert signal.getsignal(signal.SIGINT) != before
            assert cancellation.requested is None
        assert signal.getsignal(signal.SIGINT) == before
    finally:
        signal.signal(signal.SIGTERM, previous)
