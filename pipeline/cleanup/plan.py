"""What may go: files that nothing keeps, older than the limit, each with the reason."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.cleanup.kept import MOST_RUNS, Kept, kept
from pipeline.cleanup.limits import Limits
from pipeline.lineage.records import RunSummary
from pipeline.lineage.standing import StandingArtifact
from pipeline.lineage.store import Lineage
from pipeline.workspace import Workspace
from schemas.artifacts import PushedModel
from schemas.manifest import read_manifest

Kind = Literal["artifact", "version", "scratch", "partial result", "leftover", "curves", "log"]


@dataclass(frozen=True)
class Item:
    """Something that may go.

    Args:
        pipeline: whose it is.
        path: a file or a folder; it need not be there any more.
        size: bytes.
        why: why it may go.
        artifacts: ids of the artifacts whose files these are.
    """

    kind: Kind
    pipeline: str
    path: Path
    size: int
    why: str
    artifacts: tuple[int, ...] = ()


def plan(workspace: Workspace, lineage: Lineage, pipeline: str, limits: Limits) -> list[Item]:
    """What may go of one pipeline.

    Raises:
        TrainworksError: the record of a served model's releases cannot be read.
    """
    standing = lineage.standing(pipeline)
    stays = kept(lineage, pipeline, standing, limits)
    planned = _Plan(workspace, pipeline, limits, stays)
    runs = lineage.runs(MOST_RUNS, pipeline=pipeline)
    return [*planned.artifacts(standing), *planned.leftovers(), *planned.of_runs(runs)]


class _Plan:
    def __init__(self, workspace: Workspace, pipeline: str, limits: Limits, stays: Kept) -> None:
        self._root, self._pipeline, self._stays = workspace.root, pipeline, stays
        self._before, self._age = time.time() - limits.older_than, limits.age

    def artifacts(self, standing: Iterable[StandingArtifact]) -> Iterator[Item]:
        """Artifacts of this workspace and pushed versions, each folder once."""
        by_folder: dict[Path, list[StandingArtifact]] = {}
        for one in standing:
            by_folder.setdefault(one.artifact.uri, []).append(one)
        for folder, several in by_folder.items():
            is_version = any(one.artifact.type_name == PushedModel.type_name() for one in several)
            if not self._is_ours(folder, is_version) or self._stay(folder, several, is_version):
                continue
            why = "its deletion was interrupted" if several[-1].marked else f"older than {self._age}; nothing needs it"
            ids = tuple(one.artifact.id for one in several)
            yield self._item("version" if is_version else "artifact", folder, why, ids)

    def leftovers(self) -> Iterator[Item]:
        """What steps that never finished left, and results of parts of the work that no run came back to."""
        places: tuple[tuple[Kind, str, str], ...] = (
            ("scratch", "scratch", "*/*"),
            ("partial result", "partials", "*/*"),
            ("leftover", "tmp", "*"),
        )
        for kind, place, depth in places:
            for path in sorted((self._root / place / self._pipeline).glob(depth)):
                if self._is_old(path):
                    yield self._item(kind, path, f"unused for {self._age}")

    def of_runs(self, runs: Iterable[RunSummary]) -> Iterator[Item]:
        """Curves and logs of runs that are not kept."""
        for run in runs:
            if run.run_id in self._stays.runs or run.started / 1000 > self._before:
                continue
            why = f"of a run older than {self._age}"
            curves = self._root / "tensorboard" / self._pipeline / run.run_id
            log = self._root / "logs" / f"{run.run_id}.log"
            yield from (self._item("curves", path, why) for path in [curves] if path.is_dir())
            yield from (self._item("log", path, why) for path in [log] if path.is_file())

    def _is_ours(self, folder: Path, is_version: bool) -> bool:
        """Whether the folder is where this workspace, or a Pusher, puts things: nothing else is ever touched."""
        if is_version:
            return not folder.is_dir() or (folder.name.isdecimal() and read_manifest(folder) is not None)
        return folder.is_relative_to(self._root / "artifacts" / self._pipeline)

    def _stay(self, folder: Path, several: list[StandingArtifact], is_version: bool) -> bool:
        if all(one.marked for one in several):
            return False
        if any(one.created / 1000 > self._before for one in several):
            return True
        if is_version:
            return folder in self._stays.versions
        return any(one.artifact.id in self._stays.artifacts for one in several)

    def _is_old(self, path: Path) -> bool:
        return path.lstat().st_mtime < self._before

    def _item(self, kind: Kind, path: Path, why: str, artifacts: tuple[int, ...] = ()) -> Item:
        return Item(kind, self._pipeline, path, _size(path), why, artifacts)


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file() and not file.is_symlink())
