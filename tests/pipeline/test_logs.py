"""Where output goes while a run is on."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.logs import captured, warnings_shown


def test_everything_but_the_yielded_stream_ends_in_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "run.log"
    with captured(log) as stream:
        os.write(2, b"from C++\n")
        os.write(1, b"stdout from C\n")
        subprocess.run([sys.executable, "-c", "import sys; print('child', file=sys.stderr)"], check=True)
        logging.getLogger("apache_beam").info("Beam says")
        print("for people", file=stream)
    os.write(2, b"after\n")
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[-1] == "after"
    assert "for people" in told.err
    written = log.read_text()
    for text in ("from C++", "stdout from C", "child", "INFO apache_beam: Beam says"):
        assert text in written and text not in told.err


def test_logging_is_put_back(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    with captured(tmp_path / "run.log"):
        assert root.level == logging.INFO
    assert (root.level, list(root.handlers)) == before


def test_warnings_of_steps_are_shown() -> None:
    shown: list[str] = []
    with warnings_shown(shown.append):
        logging.getLogger("trainworks.Trainer").warning("%d rows dropped", 3)
        logging.getLogger("trainworks.Trainer").info("quiet")
        logging.getLogger("tensorflow").warning("chatter")
    assert shown == ["Trainer: 3 rows dropped"]
