"""Where a pipeline's runs keep their files.

    artifacts/<pipeline>/<node>/<output>/<execution id>   what steps published
    tmp/<pipeline>/<execution id>/<output>                 what a running step writes
    scratch/<pipeline>/<node>/<fingerprint>                checkpoints; survive a kill, go when the step is published
    partials/<pipeline>/<node>/<key>                       results of parts of a step, for later runs
    tensorboard/<pipeline>/<run id>/<node>                 TensorBoard logs
    logs/<run id>.log                                      libraries' messages and tracebacks
    locks/<pipeline>.lock                                  one run at a time
    metadata.sqlite                                        lineage; or `lineage.url`, which says where else it is

A step's folder under `tmp` stands from before it runs until after its outputs are published. So when a process is
killed, the folder names the execution whose outputs may lie unpublished among the artifacts, and the next run sweeps
both.

Partial results are swept, too, the longest unused first: those that no run has used for two weeks, and while the disk
has less than a twentieth free, any. They share the disk's blocks with the artifacts that they are part of.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from schemas.errors import ConfigError, TrainworksError
from schemas.files import sync

_LINEAGE_URL: Final = "lineage.url"
_SCRATCH_DAYS: Final = 14
"""Days after which scratch that nobody came back to is removed."""
_POLL_SECONDS: Final = 0.2
"""Between two looks at a lock that is waited for."""


_PARTIALS_DAYS: Final = 14
"""Days after which a partial result that no run has used is removed."""
_ROOM_TO_LEAVE: Final = 0.05
"""Share of the disk that partial results leave free."""


class WorkspaceBusy(TrainworksError):  # noqa: N818 - a state, not a fault
    """Another process runs this pipeline in this workspace."""


class Workspace:
    """The folders of a workspace; those that a run writes to are made when they are asked for.

    Args:
        root: the workspace's folder, made when absent.

    Raises:
        ConfigError: the folder cannot be made or written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            raise ConfigError(f"`--workspace` must be a folder that can be written to. Received: {root}") from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise ConfigError(f"`--workspace` must be a folder that can be written to. Received: {root}")

    @property
    def database(self) -> Path:
        return self.root / "metadata.sqlite"

    @property
    def lineage_elsewhere(self) -> str | None:
        """Where the lineage of the artifacts is, as `remember_lineage` was told; None for the workspace's own."""
        try:
            return (self.root / _LINEAGE_URL).read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    def remember_lineage(self, whereabouts: str) -> None:
        """Notes that the lineage of this workspace is in another database than its own."""
        if self.lineage_elsewhere != whereabouts:
            (self.root / _LINEAGE_URL).write_text(f"{whereabouts}\n", encoding="utf-8")

    def log(self, run_id: str) -> Path:
        """The log file of a run; its folder exists."""
        return _made(self.root / "logs") / f"{run_id}.log"

    def artifact(self, pipeline: str, node: str, output: str, execution_id: int) -> Path:
        """The final folder of an output."""
        return self.root / "artifacts" / pipeline / node / output / str(execution_id)

    def tensorboard(self, pipeline: str, run_id: str, node: str) -> Path:
        return _made(self.root / "tensorboard" / pipeline / run_id / node)

    def scratch(self, pipeline: str, node: str, fingerprint: str) -> Path:
        """The scratch folder of a node's work with this fingerprint; it may not exist."""
        return self.root / "scratch" / pipeline / node / fingerprint

    def discard_scratch(self, pipeline: str, node: str, fingerprint: str) -> None:
        """Removes a node's scratch; first its name, so that no run goes on from half of it. A full disk keeps it."""
        path = self.scratch(pipeline, node, fingerprint)
        with contextlib.suppress(OSError):
            if not path.exists():
                return
            doomed = _made(self.root / "tmp" / pipeline / "discarded") / fingerprint
            shutil.rmtree(doomed, ignore_errors=True)
            path.rename(doomed)
            shutil.rmtree(doomed.parent, ignore_errors=True)

    def partials(self, pipeline: str, node: str) -> Path:
        """Where a node keeps results of parts of its work."""
        return _made(self.root / "partials" / pipeline / node)

    def discard_partials(self, pipeline: str, node: str) -> None:
        """Removes what a node has kept; first its name, so that nobody takes half of it."""
        doomed = _made(self.root / "tmp" / pipeline / "discarded") / f"partials-{node}"
        shutil.rmtree(doomed, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            (self.root / "partials" / pipeline / node).rename(doomed)
        shutil.rmtree(doomed.parent, ignore_errors=True)

    def staging(self, pipeline: str, execution_id: int) -> Path:
        """A fresh temporary folder for the outputs of one execution."""
        path = self.root / "tmp" / pipeline / str(execution_id)
        shutil.rmtree(path, ignore_errors=True)
        return _made(path)

    @contextmanager
    def lock(self, pipeline: str, *, wait: float = 0.0) -> Iterator[None]:
        """Holds the pipeline in this workspace; the operating system lets go when the process ends, however it ends.

        Args:
            wait: seconds to wait for another process that holds it.

        Raises:
            WorkspaceBusy: another process holds it.
        """
        path = _made(self.root / "locks") / f"{pipeline}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                _hold(descriptor, time.monotonic() + wait)
            except BlockingIOError as error:
                holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
                raise WorkspaceBusy(
                    f"Pipeline `{pipeline}` is already running in {self.root} (process {holder}). Wait until it has"
                    " ended, stop it, or give another `--workspace`."
                ) from error
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def sweep(self, pipeline: str, is_published: Callable[[Path], bool]) -> int:
        """Removes what killed runs of the pipeline left behind; only to be called under its lock.

        Args:
            is_published: whether lineage knows the artifact in a folder.

        Returns:
            how many steps had left something.
        """
        leftovers = [*(self.root / "tmp" / pipeline).glob("*")]
        for leftover in leftovers:
            for folder in (self.root / "artifacts" / pipeline).glob(f"*/*/{leftover.name}"):
                if not is_published(folder):
                    shutil.rmtree(folder)
            shutil.rmtree(leftover)
        oldest = time.time() - _SCRATCH_DAYS * 86_400
        for unfinished in self.root.glob(".digests.json.*"):  # of a process killed while it wrote the digests
            if unfinished.stat().st_mtime < oldest:
                unfinished.unlink(missing_ok=True)
        for folder in (self.root / "scratch" / pipeline).glob("*/*"):
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)
        self._sweep_partials(pipeline)
        return len(leftovers)

    def _sweep_partials(self, pipeline: str) -> None:
        oldest, room = time.time() - _PARTIALS_DAYS * 86_400, _ROOM_TO_LEAVE * shutil.disk_usage(self.root).total
        entries = [(entry.lstat().st_mtime, entry) for entry in (self.root / "partials" / pipeline).glob("*/*")]
        for used, entry in sorted(entries):
            if used >= oldest and shutil.disk_usage(self.root).free >= room:
                break
            shutil.rmtree(entry, ignore_errors=True)


def _hold(descriptor: int, deadline: float) -> None:
    """Locks a file; one that is held is tried again, to a time of the monotonic clock. Raises BlockingIOError."""
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(_POLL_SECONDS)


def move_into_place(source: Path, target: Path) -> None:
    """Renames a finished folder to where it will be read, durably: a reader sees all of it or nothing.

    Contents reach the disk before the name does, and the name before this returns, so a power cut cannot leave a
    published name with empty files. An unpublished folder that stands in the way is removed.
    """
    _sync_tree(source)
    if target.exists():
        shutil.rmtree(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)
    sync(target.parent)


def _sync_tree(folder: Path) -> None:
    for path, _, files in os.walk(folder):
        for name in files:
            sync(Path(path, name))
        sync(Path(path))


def _made(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
