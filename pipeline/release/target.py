"""Which version a rollback goes back to, and which models it takes back."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from components.versions import digest_of, versions
from schemas.errors import ConfigError, TrainworksError
from schemas.manifest import verify
from schemas.release_record import ReleaseRecord

_log = logging.getLogger("trainworks.rollback")


@dataclass(frozen=True)
class Target:
    """What a rollback is to do.

    Args:
        current: the version that goes: the one that serves now, or the candidate.
        version: the version whose model is to serve again.
        taken_back: versions under which the models that must not come back were pushed first, with their digests.
    """

    current: int
    version: int
    taken_back: Mapping[int, str]


class Releases:
    """The versions of a model on disk, each with its digest, and what was rolled back.

    Args:
        folder: the folder of the versions.
        key: what they are signed with.

    Raises:
        ConfigError: nothing was pushed there yet.
        TrainworksError: the record cannot be read, or the version that serves is gone.
    """

    def __init__(self, folder: Path, key: bytes | None = None) -> None:
        self.record = ReleaseRecord.read(folder)
        self._folder, self._key = folder, key
        self.paths = versions(folder) if folder.is_dir() else {}
        if not self.paths:
            raise ConfigError(f"There must be a pushed version to roll back from. Received: {folder}, without any")
        self.digests = {number: digest_of(path) for number, path in self.paths.items()}
        self.current = self.record.serving(self.paths) or 0
        if self.current not in self.paths:
            raise TrainworksError(f"Version {self.current} of {folder} is stable, and must be there. It is not.")
        self._first = {digest: number for number, digest in reversed(self.digests.items())}

    def target(self, to: int | None = None) -> Target:
        """The version that `to` names, or else the newest that is good: another model, whole, never rolled back.

        What is taken back is `newer_than` the target and was not taken back before; without `to`, the model that
        serves in any case.

        A candidate goes before anything that serves: the stable version then serves on.

        Raises:
            ConfigError: there is nothing to go back to.
            TrainworksError: the version that `to` names is damaged.
        """
        candidate = self.record.candidate
        if candidate in self.digests and to in (None, self.current):
            digest = self.digests[candidate]
            return Target(candidate, self.current, {self._first[digest]: digest})
        number = self._last_good() if to is None else self._named(to)
        newer = self.newer_than(number).items()
        taken = {first: digest for first, digest in newer if self.record.entry(digest) is None}
        if to is None:
            digest = self.digests[self.current]
            taken[self._first[digest]] = digest
        return Target(self.current, number, dict(sorted(taken.items())))

    def newer_than(self, number: int) -> dict[int, str]:
        """The models that were pushed for the first time after that of a version: first version to digest."""
        since = self._first[self.digests[number]]
        return {first: digest for digest, first in self._first.items() if first > since}

    def is_again(self, number: int, after: int) -> bool:
        """Whether a version's model serves again, as a version that is newer than another."""
        return self.current > after and self.digests.get(number) == self.digests[self.current]

    def _last_good(self) -> int:
        for number in reversed(self.paths):
            if number < self.current and self._may_serve(number):
                try:
                    self._check(number)
                except TrainworksError as error:
                    _log.warning("warning: version %d is passed over: %s", number, error)
                else:
                    return number
        others = ", ".join(str(number) for number in self.paths if number != self.current)
        why = (
            f"of {others}, none is whole and of another model that was not rolled back"
            if others
            else "it is the only one"
        )
        raise ConfigError(
            f"Nothing to roll back to: version {self.current} of {self._folder} serves, and {why}. To stop it from"
            " being served, move its folder away."
        )

    def _named(self, to: int) -> int:
        if to not in self.paths:
            raise ConfigError(f"`--to` must be one of the versions {', '.join(map(str, self.paths))}. Received: {to}")
        if self.digests[to] == self.digests[self.current]:
            same = "" if to == self.current else f", whose model is that of version {to},"
            raise ConfigError(f"`--to` must be another model's: version {self.current}{same} serves. Received: {to}")
        if (entry := self.record.entry(self.digests[to])) is not None:
            raise ConfigError(
                f"`--to` must be a version that was not rolled back itself, and {to} was, on {entry.at}"
                f" ({entry.reason}). If it is to serve again, first `--forgive {entry.version}`. Received: {to}"
            )
        self._check(to)
        return to

    def _may_serve(self, number: int) -> bool:
        digest = self.digests[number]
        return digest != self.digests[self.current] and self.record.entry(digest) is None

    def _check(self, number: int) -> None:
        verify(self.paths[number], self._key)
        if not (self.paths[number] / "saved_model.pb").is_file():
            raise TrainworksError(f"{self.paths[number]} must hold a SavedModel. Received: no saved_model.pb")
