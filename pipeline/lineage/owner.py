"""Which process runs an execution, and whether it is surely gone.

A killed process leaves its executions `running`. Whether a process is gone can only be told on its own machine: by its
id together with its start, since ids are used again.
"""

import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

ORCHESTRATOR: Final = "orchestrator"
"""Owner of a run whose steps processes of an orchestrator take, each for itself: no one process has it."""


@dataclass(frozen=True)
class Owner:
    """A process.

    Args:
        machine: name of the machine and its persistent id.
        boot: id of the boot of that machine; empty where the system has none.
        namespace: the process namespace (each container has its own); empty where the system has none.
        pid: process id in that namespace.
        start: ticks between boot and the start of the process; empty where the system does not tell.
    """

    machine: str
    boot: str
    namespace: str
    pid: int
    start: str

    @classmethod
    def current(cls) -> "Owner":
        pid = os.getpid()
        return cls(_machine(), _boot(), _namespace(), pid, _start(pid) or "")

    @classmethod
    def parse(cls, text: str) -> "Owner | None":
        """The owner that `str()` wrote; None when it is not one."""
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError):
            return None

    def __str__(self) -> str:
        return json.dumps(asdict(self))

    def is_gone(self) -> bool:
        """Whether the process has surely ended; False when this machine cannot tell."""
        if self.machine != _machine():
            return False
        if self.boot != _boot():
            return True
        if self.namespace != _namespace():
            return False
        return not _exists(self.pid) or _start(self.pid) != (self.start or None)


def _machine() -> str:
    return f"{socket.gethostname()}/{_first_line(Path('/etc/machine-id'))}"


def _boot() -> str:
    return _first_line(Path("/proc/sys/kernel/random/boot_id"))


def _namespace() -> str:
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # someone else's process: it is there
        return True
    return True


def _start(pid: int) -> str | None:
    """Start of a process as Linux tells it (proc(5), `starttime`); None for one that ended or is a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()  # the name in parentheses may hold anything
    return None if state in "ZX" else fields[18]
