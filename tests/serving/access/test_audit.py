import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.errors import ConfigError
from serving.access.audit import AuditLog
from serving.calls import Call
from serving.errors import Code

CALL = Call("grpc", "Predict", "127.0.0.1", "app", "r8", 3, 120, 64, Code.OK, 0.00123456789)


def test_a_line_a_call_after_those_that_were_there(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    for record in (CALL, replace(CALL, code=Code.NOT_FOUND, version=None)):
        log = AuditLog(path)
        log.write(record)
        log.close()
        log.write(record)  # after its end: nothing
    first, second = [json.loads(line) for line in path.read_text().splitlines()]
    assert first.pop("time") <= second.pop("time")
    assert first == {
        "who": "app",
        "peer": "127.0.0.1",
        "front": "grpc",
        "method": "Predict",
        "model": "r8",
        "version": 3,
        "request_bytes": 120,
        "response_bytes": 64,
        "code": "OK",
        "seconds": 0.001235,
    }
    assert (second["version"], second["code"]) == (None, "NOT_FOUND")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_full_disk_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    log = AuditLog(Path("/dev/full"))
    with caplog.at_level(logging.ERROR):
        log.write(CALL)
        log.write(CALL)
    assert caplog.text.count("cannot be written to: No space left on device") == 1


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`--audit_log` must be a file that can be written to"):
        AuditLog(tmp_path / "none" / "audit.jsonl")
