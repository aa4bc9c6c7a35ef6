"""Rolling back: the last good version serves again, and the model that was rolled back does not come back.

The order of acts makes a kill at any moment harmless. Where there are labels, servers first load the good model: if
they cannot, nothing has been said yet. Lineage and the folder's record then say that the models are not to come back;
then one rename lets the good model serve, as the newest version, which is what model servers take; then lineage gets
the whole story in one transaction. A rollback that died before the rename is done anew by the next one, and one that
died after it is only finished.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from components.release.labels import write_labels
from components.versions import republish, turn
from pipeline.lineage.store import Lineage
from pipeline.release.release_log import MODEL, Entry, ReleaseLog
from pipeline.release.served import ServedModel
from pipeline.release.servers import Servers
from pipeline.release.target import Releases, Target
from pipeline.workspace import Workspace
from schemas.errors import ConfigError, TrainworksError
from schemas.release_record import ReleaseRecord, RolledBack

NODE: Final = "Rollback"
"""Name of the node, and of the execution's type, in lineage."""

_FROM, _TO, _FORGIVEN, _REASON = "from_version", "to_version", "forgiven_version", "reason"
_LOAD_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 0.5


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
        self._served, self._lineage = served, lineage
        self._log = ReleaseLog(served, workspace, lineage, NODE)

    def to(self, version: int | None, reason: str) -> RolledBackTo:
        """The model of a version serves again; None for the last good one.

        Raises:
            ConfigError: there is nothing to roll back to.
            TrainworksError: the version is damaged, or cannot be copied.
        """
        seen = Releases(self._served.folder)
        before = (seen.current, seen.record.candidate)
        with turn(self._served.folder):
            releases = Releases(self._served.folder)
            if (finished := self._finish_interrupted(releases)) is not None:
                return finished
            if (releases.current, releases.record.candidate) != before:
                raise ConfigError(
                    f"Version {releases.record.candidate or releases.current} was pushed while this began: nothing was"
                    " done. Roll back again if it is that one that must go."
                )
            return self.in_turn(version, reason)

    def in_turn(self, version: int | None, reason: str) -> RolledBackTo:
        """As `to`, for whoever has the folder's turn and knows that nothing was interrupted."""
        releases = Releases(self._served.folder, self._served.key())
        return self._roll_back(releases, releases.target(version), reason)

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
            begun = self._log.begin({}, {_FORGIVEN: str(version), _REASON: reason})
            for model in self._log.models([version]):
                self._lineage.forgive(model)
            record.forgiven(entry.digest).write(folder)
            self._log.end(begun)
            return begun.run_id

    def _roll_back(self, releases: Releases, target: Target, reason: str) -> RolledBackTo:
        entry = self._log.begin(
            {
                "restored": self._log.pushed(target.version),
                MODEL: self._log.model(target.version),
            },
            {_FROM: str(target.current), _TO: str(target.version), _REASON: reason},
        )
        try:
            if releases.record.stable is not None:
                self._load(target.version, releases.record)
            at = datetime.now(UTC).isoformat(timespec="seconds")
            self._lineage.mark_rolled_back(self._log.models(target.taken_back), f"{at}: {reason}")
            entries = [RolledBack(version=v, digest=d, at=at, reason=reason) for v, d in target.taken_back.items()]
            path = self._serve(releases, target, releases.record.with_rolled_back(entries))
        except BaseException as error:
            self._log.fail(entry, error)
            raise
        self._log.end(entry, path, {"restored_version": target.version})
        taken = tuple(target.taken_back)
        return RolledBackTo(entry.run_id, target.current, target.version, int(path.name), path, taken)

    def _serve(self, releases: Releases, target: Target, record: ReleaseRecord) -> Path:
        """Has the target's model serve: by a rename, or, where there are labels, by what `models.config` says."""
        if record.stable is None:
            record.write(self._served.folder)
            return republish(releases.paths[target.version], self._served.key())
        is_candidate = target.current == record.candidate
        after = record.rejected() if is_candidate else record.with_stable(target.version)
        after.write(self._served.folder)
        self._write_labels(after)
        return releases.paths[target.version]

    def _load(self, version: int, record: ReleaseRecord) -> None:
        """Has a version loaded that is to have a label and is not loaded, since servers refuse the label otherwise."""
        if version in record.live(()):
            return
        self._write_labels(record, version)
        servers, end = Servers(self._served.push, self._served.name), time.monotonic() + _LOAD_SECONDS
        try:
            while missing := servers.not_available(version):
                if time.monotonic() > end:
                    raise TrainworksError(f"Servers must load version {version} in {_LOAD_SECONDS:g} s: {missing}")
                time.sleep(_LOOK_SECONDS)
        except BaseException:
            self._write_labels(record)
            raise

    def _write_labels(self, record: ReleaseRecord, *load: int) -> None:
        write_labels(self._served.base, self._served.push, self._served.name, record, load=load)

    def _finish_interrupted(self, releases: Releases) -> RolledBackTo | None:
        """Brings an earlier rollback to its end, if it came as far as to have the good model serve, and no further."""
        last = self._log.unfinished()
        if last is None or _TO not in last.parameters:
            return None
        before, to, current = int(last.parameters[_FROM]), int(last.parameters[_TO]), releases.current
        is_done = self._has_labels_of(releases, before, to) if releases.record.stable else releases.is_again(to, before)
        if not is_done or (last.state != "complete" and not releases.record.stable and self._log.pushed(current)):
            return None
        if releases.record.stable:
            self._write_labels(releases.record)
        path = releases.paths[current]
        if last.state == "complete":
            self._lineage.finish_run(last.run_id, "succeeded")
        else:
            self._log.end(Entry(last.run_id, last.id), path, {"restored_version": to})
        taken = tuple(sorted(releases.newer_than(to)))
        return RolledBackTo(last.run_id, before, to, current, path, taken, finished=True)

    @staticmethod
    def _has_labels_of(releases: Releases, before: int, to: int) -> bool:
        """Whether the record says what a rollback from one version to another leaves."""
        record, digest = releases.record, releases.digests.get(before)
        return record.stable == to and record.candidate is None and digest is not None and bool(record.entry(digest))
