"""The versions of a model and their states. Whoever reads or changes them holds the manager's lock."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from logging import Logger
from pathlib import Path
from typing import Final, Protocol

from serving.errors import ServingError
from serving.interface import Servable, State, VersionStatus
from serving.models.folders import Stamp
from serving.models.policy import ModelPolicy

_RETRIES: Final = 5
_RETRY_SECONDS: Final = 60.0
_OVER: Final = ("UNLOADING", "END")


class ClosableServable(Servable, Protocol):
    """A servable whose memory can be given back."""

    def close(self) -> None: ...


@dataclass(eq=False)
class Version:
    """A version from the moment its folder was seen."""

    number: int
    folder: Path
    stamp: Stamp
    """What the folder looked like when loading was last begun."""
    state: State = "START"
    error: ServingError | None = None
    servable: ClosableServable | None = None
    users: int = 0
    """Calls under way."""
    is_retired: bool = False
    """Not to be given to new calls; closed when the last one ends."""
    tries: int = 1
    tried: float = field(default_factory=time.monotonic)

    def served_by(self, servable: ClosableServable) -> None:
        """It is loaded."""
        self.servable, self.error = servable, None
        self.state = "UNLOADING" if self.is_retired else "AVAILABLE"

    def failed(self, error: ServingError) -> None:
        """It could not be loaded."""
        self.error, self.state = error, "END"

    def retire(self) -> bool:
        """Gives it to no new calls; whether there is something to close."""
        self.is_retired = True
        if self.state == "AVAILABLE":
            self.state = "UNLOADING"
        return self.servable is not None

    def ended(self) -> ClosableServable | None:
        """Its servable, for the one who asks first to close it."""
        servable, self.servable, self.state = self.servable, None, "END"
        return servable

    def should_be_tried_again(self, stamp: Stamp) -> bool:
        """Whether it failed or was retired, and its folder changed since; or it failed a while ago, not too often."""
        if self.state not in _OVER or self.servable is not None:
            return False
        if self.error is None or stamp != self.stamp:
            return True
        return self.tries <= _RETRIES and time.monotonic() - self.tried > _RETRY_SECONDS

    def status(self) -> VersionStatus:
        """For those who ask."""
        if self.error is None:
            return VersionStatus(self.number, self.state)
        return VersionStatus(self.number, self.state, self.error.code, self.error.message)


class Model:
    """A model: what is to be served of it, and what is."""

    def __init__(self, policy: ModelPolicy, versions: dict[int, Version] | None = None) -> None:
        self.policy = policy
        self.versions: dict[int, Version] = {} if versions is None else versions
        """All that were ever seen, by number."""
        self._told = ""

    def with_policy(self, policy: ModelPolicy) -> "Model":
        """The same versions under another policy."""
        return self if policy == self.policy else Model(policy, self.versions)

    def newest(self, but: int | None = None) -> Version | None:
        """The newest version that answers, leaving one number out."""
        newest = None
        for one in self.versions.values():
            if one.state == "AVAILABLE" and one.number != but and (newest is None or one.number > newest.number):
                newest = one
        return newest

    def available(self, number: int) -> Version | None:
        """A version, if it answers."""
        found = self.versions.get(number)
        return found if found and found.state == "AVAILABLE" else None

    def is_loading_first(self) -> bool:
        """Whether no version answers yet, but one is being loaded."""
        return self.newest() is None and any(one.state in ("START", "LOADING") for one in self.versions.values())

    def statuses(self) -> list[VersionStatus]:
        """Of all versions, newest first."""
        return [one.status() for one in sorted(self.versions.values(), key=_number, reverse=True)]

    def to_load(self, folders: Mapping[int, Path], stamps: Mapping[int, Stamp]) -> list[Version]:
        """Versions whose loading is to begin now, newest first: they are marked as loading."""
        begun = []
        for number, stamp in stamps.items():
            known = self.versions.get(number)
            if known is None:
                found = Version(number, folders[number], stamp)
            elif known.should_be_tried_again(stamp):
                again = 1 if stamp != known.stamp else known.tries + 1
                found = Version(number, folders[number], stamp, tries=again)
            else:
                continue
            found.state = "LOADING"
            self.versions[number] = found
            begun.append(found)
        return begun

    def retire_others(self, chosen: Sequence[int]) -> list[Version]:
        """Retires versions that are not among those chosen, if one of these answers; returns what is to be closed."""
        if not any(self.available(number) for number in chosen):
            return []
        others = [one for number, one in self.versions.items() if number not in chosen and not one.is_retired]
        return [one for one in others if one.retire()]

    def retire(self) -> list[Version]:
        """Retires all versions; returns what is to be closed."""
        return [one for one in self.versions.values() if one.retire()]

    def tell_once(self, log: Logger, what: str) -> None:
        """Warns, unless it was the last that was said of this model."""
        if what != self._told:
            self._told = what
            log.warning("%s", what)


def _number(version: Version) -> int:
    return version.number
