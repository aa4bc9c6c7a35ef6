"""A project of small real components, for tests of the runner."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TOYS = Path(__file__).parent / "toys"


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of small components."""
    monkeypatch.syspath_prepend(str(TOYS))
    import toy_steps

    return toy_steps


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with raw data."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "rows.txt").write_text("".join(f"row {i}\n" for i in range(10)))
    return folder


@dataclass(frozen=True)
class Process:
    """A toy pipeline in a process of its own, started by `start`."""

    popen: "subprocess.Popen[str]"

    def result(self) -> dict[str, Any]:
        """What it says on standard output, once it has ended."""
        stdout, stderr = self.popen.communicate(timeout=60)
        assert stdout, stderr
        return dict(json.loads(stdout.splitlines()[-1]))


@pytest.fixture(scope="session")
def bytecode(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment whose Python processes share compiled modules."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("bytecode"))}


@pytest.fixture
def start(project: Path, bytecode: dict[str, str]) -> Iterator[Callable[..., Process]]:
    """Starts Python code that has `toy_pipeline`, `run_pipeline`, and `base`; processes left over are killed."""
    head = f"""
        import sys
        sys.path.insert(0, {str(TOYS)!r})
        from pathlib import Path
        from toy_steps import *
        from pipeline.runner import run_pipeline
        base = Path({str(project)!r})
    """
    running: list[subprocess.Popen[str]] = []

    def start(code: str, **options: Any) -> Process:
        options = {"env": bytecode, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        source = textwrap.dedent(head) + textwrap.dedent(code)
        running.append(subprocess.Popen([sys.executable, "-c", source], text=True, cwd=project, **options))
        return Process(running[-1])

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def files() -> Callable[[Path], dict[str, bytes]]:
    """Reads a folder: relative name to contents of every file in it."""

    def read(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    return read
