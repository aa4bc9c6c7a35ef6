"""The audit log: a JSON object a line for every call, and never what was in it."""

import logging
import os
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import orjson

from schemas.errors import ConfigError
from serving.calls import Call

_log = logging.getLogger(__name__)


class AuditLog:
    """Appends to a file, and only that: lines of several processes do not mix, and the file may be moved away and cut.

    A line that cannot be written (a full disk) is told in the log, once until it works again; calls go on.

    Args:
        path: the file; it is made, readable for its owner alone.

    Raises:
        ConfigError: the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(
                f"`--audit_log` must be a file that can be written to. Received: {path} ({error.strerror})"
            ) from error
        self._path, self._failing, self._closed = path, False, False
        self._lock = threading.Lock()

    def write(self, call: Call) -> None:
        """Adds a line, with the time."""
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **asdict(call)}
        line["code"], line["seconds"] = call.code.name, round(call.seconds, 6)
        try:
            with self._lock:
                if not self._closed:
                    os.write(self._file, orjson.dumps(line) + b"\n")
            self._failing = False
        except OSError as error:
            if not self._failing:
                _log.error("The audit log %s cannot be written to: %s", self._path, error.strerror)
            self._failing = True

    def close(self) -> None:
        with self._lock:
            if not self._closed:
                self._closed = True
                os.close(self._file)
