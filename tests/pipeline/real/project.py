"""A project on disk, run through the real command line in processes of its own."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.cli.init import template

TRAINWORKS = Path(sys.executable).parent / "trainworks"
PREPARE = """
import os, resource, signal, sys

largest_file, program = int(sys.argv[1]), sys.argv[2]
signal.signal(signal.SIGINT, signal.SIG_DFL)
if largest_file:
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
os.execv(program, sys.argv[2:])
"""
"""Becomes the command. The tests may have been told to ignore Ctrl-C (by nohup, say), which is inherited; and a
`preexec_fn` is not safe beside TensorFlow's threads."""

STEPS = (
    "ExampleGen",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "Transform",
    "Trainer",
    "Evaluator",
    "InfraValidator",
    "Pusher",
)
DATA = Path("data") / "tickets.csv"
PIPELINE: Mapping[str, Any] = {
    "name": "tickets",
    "data": {
        "format": "csv",
        "splits": {"train": str(DATA)},
        "holdout": {"eval": 0.15, "test": 0.2},
        "features": {"text": "text"},
        "label": "topic",
    },
    "validation": {"label_shift": {"at_most": 0.25}},
    "model": {"family": "linear"},
    "push": {"directory": "served"},
}
"""The shipped template's pipeline, without its rules of the evaluation."""


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def told(self) -> dict[str, Any]:
        """The object that `--json` printed."""
        return dict(json.loads(self.stdout.splitlines()[-1]))

    @property
    def fates(self) -> dict[str, str]:
        """Step to status."""
        return {step["name"]: step["status"] for step in self.told["components"]}


@dataclass(frozen=True)
class Project:
    """A folder with `pipeline.yaml`, which commands run in."""

    folder: Path

    def start(
        self, *arguments: object, env: Mapping[str, str] | None = None, largest_file: int | None = None
    ) -> "subprocess.Popen[str]":
        """A command in a process group of its own.

        Args:
            env: added to the environment.
            largest_file: bytes that a file may have; a write beyond fails, as on a disk that is full.
        """
        environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "PYTHONPATH")}
        self.temporary.mkdir(exist_ok=True)
        return subprocess.Popen(
            [sys.executable, "-ISc", PREPARE, str(largest_file or 0), str(TRAINWORKS), *map(str, arguments)],
            cwd=self.folder,
            env={**environment, "TMPDIR": str(self.temporary), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )

    def trainworks(self, *arguments: object, **options: Any) -> Finished:
        """A command, to its end; `options` as in `start`. One that takes five minutes hangs, and is killed."""
        process = self.start(*arguments, **options)
        try:
            stdout, stderr = process.communicate(timeout=300)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return Finished(process.returncode, stdout, stderr)

    def run(self, *arguments: object, **options: Any) -> Finished:
        return self.trainworks("run", "pipeline.yaml", "--json", *arguments, **options)

    @property
    def workspace(self) -> Path:
        return self.folder / ".trainworks"

    @property
    def temporary(self) -> Path:
        """What commands take for `/tmp`."""
        return self.folder / "temporary"

    def published(self) -> list[Path]:
        """The folders of all published outputs."""
        return sorted((self.workspace / "artifacts").glob("*/*/*/*"))

    def output(self, node: str, name: str) -> Path:
        """The newest published output of a step."""
        return max((self.workspace / "artifacts" / "tickets" / node / name).iterdir(), key=lambda path: int(path.name))

    def versions(self) -> list[str]:
        """All that stands where models are pushed to, hidden or not."""
        folder = self.folder / "served" / "tickets"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def half_written(self) -> list[Path]:
        """What no command may leave behind: staged outputs, unfinished files, files in `/tmp`."""
        staged = [*(self.workspace / "tmp").glob("*/*"), *(self.workspace / "artifacts").rglob(".*")]
        return sorted([*staged, *(self.folder / "served").rglob(".*"), *self.temporary.iterdir()])

    def log(self, finished: Finished) -> str:
        path = self.workspace / "logs" / f"{finished.told['run_id']}.log"
        return path.read_text(encoding="utf-8")


def make_project(folder: Path, settings: Mapping[str, Any] = PIPELINE, data: bytes | None = None) -> Project:
    """A project with these settings and this csv file; the shipped template's data unless given."""
    (folder / "data").mkdir(parents=True)
    (folder / "pipeline.yaml").write_text(yaml.safe_dump(dict(settings), sort_keys=False), encoding="utf-8")
    (folder / DATA).write_bytes(TICKETS if data is None else data)
    return Project(folder)


def as_csv(rows: Iterable[Sequence[object]], header: Sequence[str] = ("text", "topic")) -> bytes:
    """Rows as a csv file, in UTF-8 with `\\n`."""
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return file.getvalue().encode()


TICKETS = template("text")[str(DATA)]
ROWS = [(row["text"], row["topic"]) for row in csv.DictReader(TICKETS.decode().splitlines())]
