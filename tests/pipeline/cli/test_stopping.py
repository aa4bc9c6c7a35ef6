"""Real signals to a real process."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

CODE = """
import time
from pipeline.cli.stopping import stop_on_signals
stop = stop_on_signals()
print("waits", stop.is_asked, flush=True)
stop.wait()
print("stops", stop.is_asked, flush=True)
time.sleep(30)
"""


@pytest.fixture
def process() -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen([sys.executable, "-c", CODE], stdout=subprocess.PIPE, text=True) as started:
        yield started
        started.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_and_the_second_ends(process: "subprocess.Popen[str]", number: int) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "waits False\n"
    process.send_signal(number)
    assert process.stdout.readline() == "stops True\n"
    process.send_signal(number)
    assert process.wait(20) == 128 + number


def test_a_signal_that_comes_as_the_wait_begins() -> None:
    """Between any two of its lines; where it has fewer, a little later."""
    code = """
import os, signal, sys, threading
from pipeline.cli.stopping import stop_on_signals

def end():
    os.kill(os.getpid(), signal.SIGTERM)

for line in range(4):
    left = line
    def trace(frame, event, _):
        global left
        if event == "line" and frame.f_code.co_name == "wait":
            if left == 0:
                end()
            left -= 1
        return trace
    stop = stop_on_signals()
    later = threading.Timer(0.2, lambda: left >= 0 and end())
    later.start()
    sys.settrace(trace)
    stop.wait()
    sys.settrace(None)
    later.join()
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=20, check=False).returncode == 0
