"""The command lines that orchestrators call."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """How to call the command line for one pipeline file, with the same file, workspace and settings each time.

    Args:
        program: path or name of `trainworks`.
        file: the pipeline file as the process will see it.
        workspace: unless given, `.trainworks` beside the file.
        overrides: settings of `--set`.
    """

    program: str
    file: str
    workspace: str | None = None
    overrides: tuple[str, ...] = ()

    def run(self) -> list[str]:
        return [self.program, "run", self.file, *self._options()]

    def run_node(self, node: str, run_id: str) -> list[str]:
        return [self.program, "run-node", self.file, node, *self._options(), "--run-id", run_id]

    def _options(self) -> list[str]:
        workspace = ["--workspace", self.workspace] if self.workspace else []
        return [*workspace, *(word for setting in self.overrides for word in ("--set", setting))]


def installed_program() -> str:
    """The `trainworks` of this installation."""
    beside = Path(sys.executable).with_name("trainworks")
    return str(beside) if beside.is_file() else shutil.which("trainworks") or "trainworks"
