"""A process is gone only when this machine can be sure of it."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from pipeline.lineage.owner import Owner


def test_a_living_process_is_not_gone() -> None:
    owner = Owner.current()
    assert not owner.is_gone()
    assert Owner.parse(str(owner)) == owner


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"pid": 1}', "null"])
def test_other_words_are_no_owner(text: str) -> None:
    assert Owner.parse(text) is None


def test_a_reused_process_id_is_another_process() -> None:
    assert replace(Owner.current(), start="1").is_gone()


def test_another_boot_ended_it_another_machine_tells_nothing() -> None:
    assert replace(Owner.current(), boot="before").is_gone()
    assert not replace(Owner.current(), machine="elsewhere", boot="before").is_gone()
    assert not replace(Owner.current(), namespace="pid:[1]", pid=2**22 - 1).is_gone()


def test_a_killed_process_is_gone_also_as_a_zombie() -> None:
    command = (
        "import sys; from pipeline.lineage.owner import Owner; print(Owner.current(), flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen([sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    owner = Owner.parse(child.stdout.readline())
    assert owner is not None
    assert owner.pid == child.pid
    assert not owner.is_gone()
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, but nobody took notice: a zombie
    assert owner.is_gone()
    child.wait()
    assert owner.is_gone()
    child.communicate()
