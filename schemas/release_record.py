"""What a model's folder remembers of its releases, in `.release.json`: what was rolled back, and who has which label.

It stands with the versions, so that whoever pushes there keeps to it, whatever workspace or lineage they have. Model
servers look for folders only. Readers need nothing; writers hold the folder's turn (components/versions.py).
"""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.errors import TrainworksError
from schemas.files import write_atomically

RECORD: Final = ".release.json"
STABLE: Final = "stable"
CANARY: Final = "canary"
SHADOW: Final = "shadow"


class RolledBack(BaseModel):
    """A model that was taken back."""

    model_config = ConfigDict(frozen=True)

    version: int
    """Under which it was pushed first."""
    digest: str
    """`Manifest.model_digest`: the same model is known again under any version."""
    at: str
    """When, in ISO 8601."""
    reason: str


class ReleaseRecord(BaseModel):
    """The record of one model's folder."""

    model_config = ConfigDict(frozen=True)

    rolled_back: tuple[RolledBack, ...] = ()

    stable: int | None = None
    """The version with the label `stable`; None where there are no labels, and the newest serves."""
    candidate: int | None = None
    """The version that is on probation."""
    since: float | None = None
    """When the candidate got its label, in seconds since 1970; None while it is not known to be loaded."""
    is_shadow: bool = False
    """Whether the candidate answers nobody. Its label then keeps servers from giving it to clients, and so it has that
    from the start; servers that know shadows take that."""
    previous: int | None = None
    """The version that was stable before, which stays loaded while there is no candidate: to roll back at once."""

    def serving(self, versions: Iterable[int]) -> int | None:
        """Of the versions on disk the one that serves; None where there is none."""
        return self.stable if self.stable is not None else max(versions, default=None)

    def live(self, versions: Iterable[int]) -> tuple[int, ...]:
        """Of the versions on disk those that servers are to have loaded, the one that serves first."""
        if self.stable is None:
            return tuple(sorted(versions, reverse=True)[:1])
        beside = self.previous if self.candidate is None else self.candidate
        return (self.stable,) if beside is None else (self.stable, beside)

    @property
    def labels(self) -> dict[str, int]:
        """Label to version. A label may only be given to what is loaded."""
        named = {STABLE: self.stable}
        if self.is_shadow or self.since is not None:
            named[SHADOW if self.is_shadow else CANARY] = self.candidate
        return {label: version for label, version in named.items() if version is not None}

    def with_pushed(self, version: int, before: int | None, *, shadow: bool = False) -> "ReleaseRecord":
        """A record in which a version that was just pushed is the candidate, or, where nothing serves yet, stable.

        Args:
            before: the version that served without labels.
            shadow: whether a candidate is to answer nobody.
        """
        if self.stable is None and before in (None, version):
            return self.model_copy(update={"stable": version})
        if version in (self.stable, self.candidate):
            return self
        stable = before if self.stable is None else self.stable
        return self.model_copy(update={"stable": stable, "candidate": version, "since": None, "is_shadow": shadow})

    def labelled(self, now: float) -> "ReleaseRecord":
        """A record in which the candidate is loaded, has its label, and is on probation."""
        return self.model_copy(update={"since": now})

    def promoted(self) -> "ReleaseRecord":
        """A record in which the candidate is stable."""
        update = {"stable": self.candidate, "candidate": None, "since": None, "previous": self.stable}
        return self.model_copy(update=update)

    def rejected(self) -> "ReleaseRecord":
        """A record without the candidate."""
        return self.model_copy(update={"candidate": None, "since": None})

    def with_stable(self, version: int) -> "ReleaseRecord":
        """A record in which another version is stable, and none a candidate."""
        return self.model_copy(update={"stable": version, "candidate": None, "since": None, "previous": None})

    def without_labels(self) -> "ReleaseRecord":
        """A record in which the newest version serves."""
        return ReleaseRecord(rolled_back=self.rolled_back)

    @classmethod
    def read(cls, folder: Path) -> "ReleaseRecord":
        """The record of a folder; an empty one where there is none.

        Raises:
            TrainworksError: it cannot be read: to go on would forget what was rolled back.
        """
        try:
            return cls.model_validate_json((folder / RECORD).read_bytes())
        except FileNotFoundError:
            return cls()
        except (OSError, ValidationError) as error:
            raise TrainworksError(
                f"{folder / RECORD} must be the record of releases that `trainworks rollback` wrote. Received: {error}."
                " Put it right, or remove it together with the versions that must not come back."
            ) from error

    def write(self, folder: Path) -> None:
        """Takes the place of the folder's record, durably."""
        write_atomically(self.model_dump_json(indent=2).encode() + b"\n", folder / RECORD)

    def entry(self, digest: str) -> RolledBack | None:
        """What is said about a model that was rolled back; None for every other one."""
        return next((one for one in self.rolled_back if one.digest == digest), None)

    def with_rolled_back(self, entries: Collection[RolledBack]) -> "ReleaseRecord":
        """A record with these models, too."""
        fresh = [one for one in entries if self.entry(one.digest) is None]
        return self.model_copy(update={"rolled_back": (*self.rolled_back, *fresh)})

    def forgiven(self, digest: str) -> "ReleaseRecord":
        """A record without this model."""
        left = tuple(one for one in self.rolled_back if one.digest != digest)
        return self.model_copy(update={"rolled_back": left})
