"""Steps in processes of their own, and what becomes of those."""

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from pipeline.lineage.store import Lineage

RUN = """
    from spread_steps import spread_pipeline
    result = run_pipeline(spread_pipeline(base, workers={workers}, then={then!r}))
    print(result.json())
    sys.exit(result.exit_code)
"""
Start = Callable[..., Any]


def processes(project: Path) -> dict[str, list[Any]]:
    """What each process of the step wrote down: its id and its parent's."""
    return {
        path.stem: json.loads(path.read_text()) for path in (project / "pids").glob("*.json") if path.stat().st_size
    }


def wait_for_parts(process: Any, project: Path, parts: int) -> dict[str, list[Any]]:
    while len(processes(project)) < parts + 1:
        assert process.poll() is None
        time.sleep(0.01)
    return processes(project)


def ends(pid: int) -> bool:
    """Whether a process is gone, or dead and not yet buried, within some seconds."""
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.01)
    return False


def squares(project: Path) -> list[int]:
    path = next((project / ".trainworks" / "artifacts").rglob("squares.json"))
    return list(json.loads(path.read_text()))


def test_a_step_runs_in_a_process_of_its_own_with_others_beside_it(start: Start, project: Path) -> None:
    process = start(RUN.format(workers=2, then=""))
    stdout, stderr = process.popen.communicate(timeout=60)

    assert process.popen.returncode == 0, stderr
    assert squares(project) == [0, 1, 4]
    found = processes(project)
    own, template, pool = found.pop("run")
    assert pool
    assert template != process.popen.pid != own
    assert {parent for _, parent in found.values()} == {own}
    assert len({pid for pid, _ in found.values()}) == 2
    assert all(ends(pid) for pid in [own, template, *(pid for pid, _ in found.values())])
    digest = sha256((project / "rows.txt").read_bytes()).hexdigest()
    assert f"warning: SpreadGen: digest {digest}" in stderr
    log = next((project / ".trainworks").rglob(f"{json.loads(stdout)['run_id']}*.log")).read_text()
    assert f"WARNING trainworks.SpreadGen: digest {digest}" in log
    with closing(Lineage(project / ".trainworks" / "metadata.sqlite")) as lineage:
        (execution,) = lineage.for_run(json.loads(stdout)["run_id"])
        assert execution.outputs["examples"].properties["span"] == 7


@pytest.mark.parametrize("workers", [1, None])
def test_a_step_stays_in_the_runs_process_when_told_to_or_when_small(
    start: Start, project: Path, workers: int | None
) -> None:
    process = start(RUN.format(workers=workers, then=""))

    assert process.result()["status"] == "succeeded"
    assert squares(project) == [0, 1, 4]
    found = processes(project)
    assert {numbers[0] for numbers in found.values()} == {process.popen.pid}
    assert found["run"][2] is False


def test_a_cached_step_is_found_whatever_the_number_of_processes(start: Start, project: Path) -> None:
    start(RUN.format(workers=2, then="")).result()
    for path in (project / "pids").iterdir():
        path.unlink()

    result = start(RUN.format(workers=1, then="")).result()

    assert [step["status"] for step in result["components"]] == ["cached"]
    assert processes(project) == {}


EXPECT = """
    import pipeline.apart.runner as runner
    from pipeline.digests import DigestCache
    from schemas.config import BeamConfig
    from spread_steps import SpreadGen
    runner.LEAST_BYTES, SpreadGen.spread_modules = {least}, ("json",)
    step, digests = SpreadGen(pids="pids"), DigestCache(base, settled_after=0.0)
    if {digested}:
        digests.file_digest(base / "rows.txt")
    apart = runner.Apart(BeamConfig(workers=2), [step])
    apart.expect(step, base, digests)
    children = Path(f"/proc/self/task/{{runner.os.getpid()}}/children").read_text().split()
    print(runner.json.dumps({{"children": len(children)}}))
    apart.close()
"""


@pytest.mark.parametrize(("least", "digested", "begun"), [(1, False, 1), (1, True, 0), (1000, False, 0)])
def test_imports_begin_while_a_large_file_is_digested_for_the_first_time(
    start: Start, least: int, digested: bool, begun: int
) -> None:
    assert start(EXPECT.format(least=least, digested=digested)).result() == {"children": begun}


def test_an_error_in_a_process_is_told_as_if_it_were_here(start: Start, project: Path) -> None:
    popen = start(RUN.format(workers=2, then="fail")).popen
    stdout, stderr = popen.communicate(timeout=60)

    assert popen.returncode == 2
    reason = json.loads(stdout)["components"][0]["reason"]
    assert reason.startswith("SpreadGen failed: part ")
    assert reason.endswith("must be better.")
    assert "Traceback" not in stderr
    log = next((project / ".trainworks").rglob("*.log")).read_text()
    assert "ERROR components.transforms.spread: Work failed\nTraceback" in log
    assert all(ends(numbers[0]) for numbers in processes(project).values())


def test_kill_9_of_the_run_takes_all_its_processes_along(start: Start, project: Path) -> None:
    popen = start(RUN.format(workers=2, then="wait")).popen
    found = wait_for_parts(popen, project, 2)

    popen.kill()
    popen.wait()

    assert all(ends(pid) for pid in [found["run"][1], *(numbers[0] for numbers in found.values())])


@pytest.mark.parametrize("signum", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_a_signal_ends_the_step_and_its_processes(start: Start, project: Path, signum: signal.Signals) -> None:
    popen = start(RUN.format(workers=2, then="wait"), start_new_session=True).popen
    found = wait_for_parts(popen, project, 2)

    if signum == signal.SIGINT:
        os.killpg(popen.pid, signum)  # as a terminal does
    else:
        popen.send_signal(signum)
    stdout, stderr = popen.communicate(timeout=60)

    assert popen.returncode == 128 + signum, stderr
    assert json.loads(stdout)["status"] == "canceled"
    assert "Traceback" not in stderr
    assert list((project / ".trainworks" / "tmp").glob("*/*")) == []
    assert all(ends(numbers[0]) for numbers in found.values())


@pytest.mark.parametrize("whom", ["run", pytest.param("0", marks=pytest.mark.slow)])
def test_a_killed_process_fails_the_step_and_names_the_setting(start: Start, project: Path, whom: str) -> None:
    popen = start(RUN.format(workers=2, then="wait")).popen
    found = wait_for_parts(popen, project, 2)

    os.kill(found[whom][0], signal.SIGKILL)
    stdout, stderr = popen.communicate(timeout=60)

    assert popen.returncode == 1
    reason = json.loads(stdout)["components"][0]["reason"]
    assert "was killed; the machine may have run out of memory" in reason
    assert "`beam.workers" in reason
    assert "Traceback" not in stderr
    assert all(ends(numbers[0]) for numbers in found.values())
