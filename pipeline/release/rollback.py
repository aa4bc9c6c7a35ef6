"""Rolling back: the last good version serves again, and the model that was rolled back does not come back.

The order of acts makes a kill at any moment harmless. Lineage and the folder's record say first that the models are
not to come back; then one rename lets the good model serve, as the newest version, which is what model servers take;
then lineage gets the whole story in one transaction. A rollback that died before the rename is done anew by the next
one, and one that died after it is only finished.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from components.release.record import ReleaseRecord, RolledBack
from components.versions import republish, turn
from pipeline.digests import DigestCache
from pipeline.lineage.records import StoredArtifact
from pipeline.lineage.store import Lineage
from pipeline.release.served import ServedModel
from pipeline.release.target import Releases, Target
from pipeline.runner import new_run_id
from pipeline.workspace import Workspace
from schemas.artifacts import Artifact, Model, PushedModel
from schemas.errors import ConfigError
from schemas.manifest import read_manifest

NODE: Final = "Rollback"
"""Name of the node, and of the execution's type, in lineage."""
MODEL: Final = "model"
"""Name of the input of whatever pushes: the Model artifact."""

_FROM, _TO, _FORGIVEN, _REASON = "from_version", "to_version", "forgiven_version", "reason"


@dataclass(frozen=True)
class RolledBackTo:
    """What a rollback came to.

    Args:
        run_id: the rollback's own, in lineage.
        from_version: what served before.
        to_version: whose model serves again.
        serving: the version that serves it.
        path: its folder.
        taken_back: versions under which the models that do not come back were pushed.
        finished: whether this only finished what an interrupted rollback had begun.
    """

    run_id: str
    from_version: int
    to_version: int
    serving: int
    path: Path
    taken_back: tuple[int, ...]
    finished: bool = False


class Rollback:
    """Rolls a model back, or forgives one that was.

    Takes the folder's turn and not the pipeline's lock: it waits for a push, and never for a training. A run that is
    under way pushes its own model when it is done.

    Args:
        served: the model.
        workspace: where its lineage was kept.
        lineage: that lineage.
    """

    def __init__(self, served: ServedModel, workspace: Workspace, lineage: Lineage) -> None:
        self._served, self._workspace, self._lineage = served, workspace, lineage

    def to(self, version: int | None, reason: str) -> RolledBackTo:
        """The model of a version serves again; None for the last good one.

        Raises:
            ConfigError: there is nothing to roll back to.
            TrainworksError: the version is damaged, or cannot be copied.
        """
        key, before = self._served.key(), Releases(self._served.folder).current
        with turn(self._served.folder):
            releases = Releases(self._served.folder, key)
            if (finished := self._finish_interrupted(releases)) is not None:
                return finished
            if releases.current != before:
                raise ConfigError(
                    f"Version {releases.current} was pushed while this began, in place of {before}: nothing was done."
                    " Roll back again if it is that one that must go."
                )
            target = releases.target(version)
            return self._roll_back(releases, target, reason)

    def forgive(self, version: int, reason: str) -> str:
        """Lets the model that was pushed as `version` be champion, and be pushed, again; returns the run's id.

        Raises:
            ConfigError: it was not rolled back.
        """
        folder = self._served.folder
        Releases(folder)
        with turn(folder):
            record = ReleaseRecord.read(folder)
            entry = next((one for one in record.rolled_back if one.version == version), None)
            if entry is None:
                known = ", ".join(str(one.version) for one in record.rolled_back) or "none"
                raise ConfigError(f"`--forgive` must be a version that was rolled back: {known}. Received: {version}")
            run_id, execution = self._start({}, {_FORGIVEN: str(version), _REASON: reason})
            for model in self._models([version]):
                self._lineage.forgive(model)
            record.forgiven(entry.digest).write(folder)
            self._lineage.publish(execution, {}, [])
            self._lineage.finish_run(run_id, "succeeded")
            return run_id

    def _roll_back(self, releases: Releases, target: Target, reason: str) -> RolledBackTo:
        run_id, execution = self._start(
            self._inputs(target), {_FROM: str(target.current), _TO: str(target.version), _REASON: reason}
        )
        try:
            at = datetime.now(UTC).isoformat(timespec="seconds")
            self._lineage.mark_rolled_back(self._models(target.taken_back), f"{at}: {reason}")
            entries = [RolledBack(version=v, digest=d, at=at, reason=reason) for v, d in target.taken_back.items()]
            releases.record.with_rolled_back(entries).write(self._served.folder)
            path = republish(releases.paths[target.version], self._served.key())
        except BaseException as error:
            with suppress(Exception):
                self._lineage.fail(execution, str(error))
                self._lineage.finish_run(run_id, "failed")
            raise
        self._record(run_id, execution, path, target.version)
        return RolledBackTo(run_id, target.current, target.version, int(path.name), path, tuple(target.taken_back))

    def _finish_interrupted(self, releases: Releases) -> RolledBackTo | None:
        """Tells lineage of the version that an earlier rollback published, if it came no further than that."""
        last = self._lineage.newest_execution(self._served.name, NODE)
        if last is None or _TO not in last.parameters:
            return None
        run = self._lineage.run(last.run_id)
        before, to, path = int(last.parameters[_FROM]), int(last.parameters[_TO]), releases.paths[releases.current]
        published = releases.current > before and releases.digests.get(to) == releases.digests[releases.current]
        if not published or run is None or run.status == "succeeded":
            return None
        if last.state == "complete":
            self._lineage.finish_run(last.run_id, "succeeded")
        elif self._pushed(releases.current) is None:
            self._record(last.run_id, last.id, path, to)
        else:
            return None
        taken = tuple(sorted(releases.newer_than(to)))
        return RolledBackTo(last.run_id, before, to, releases.current, path, taken, finished=True)

    def _start(self, inputs: dict[str, StoredArtifact], parameters: dict[str, str]) -> tuple[str, int]:
        run_id = new_run_id()
        self._lineage.start_run(self._served.name, run_id, str(self._served.file.resolve()))
        execution = self._lineage.start_execution(
            pipeline=self._served.name, run_id=run_id, node=NODE, component=NODE, inputs=inputs, parameters=parameters
        )
        return run_id, execution

    def _record(self, run_id: str, execution: int, path: Path, to: int) -> None:
        version, destination = int(path.name), str(path)
        pushed = PushedModel(
            path, {"pushed_version": version, "pushed_destination": destination, "restored_version": to}
        )
        digest = DigestCache(self._workspace.root).folder_digest(path)
        self._lineage.publish(execution, {"pushed_model": (pushed, digest)}, [])
        self._lineage.finish_run(run_id, "succeeded")

    def _inputs(self, target: Target) -> dict[str, StoredArtifact]:
        """What lineage knows of the version that goes, the one whose model comes back, and that model."""
        found = {
            "rolled_back": self._pushed(target.current),
            "restored": self._pushed(target.version),
            MODEL: next(iter(self._models([target.version])), None),
        }
        return {name: artifact for name, artifact in found.items() if artifact is not None}

    def _models(self, numbers: Iterable[int]) -> list[StoredArtifact]:
        """The Model artifacts that versions were made from, as far as lineage knows them."""
        found = [self._model(number) for number in numbers]
        return [model for model in found if model is not None]

    def _model(self, number: int) -> StoredArtifact | None:
        pushed = self._pushed(number)
        made_by = self._lineage.producer(pushed.id) if pushed else None
        if made_by is not None and MODEL in made_by.inputs:
            return made_by.inputs[MODEL]
        manifest = read_manifest(self._served.folder / str(number))
        return self._known(Path(manifest.model), Model) if manifest else None

    def _pushed(self, number: int) -> StoredArtifact | None:
        return self._known(self._served.folder / str(number), PushedModel)

    def _known(self, uri: Path, kind: type[Artifact]) -> StoredArtifact | None:
        artifact = self._lineage.artifact(uri)
        return artifact if artifact and (artifact.uri, artifact.type_name) == (uri, kind.type_name()) else None
