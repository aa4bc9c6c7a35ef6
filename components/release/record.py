"""What a model's folder remembers of its releases, in `.release.json`: the models that were rolled back.

It stands with the versions, so that whoever pushes there keeps to it, whatever workspace or lineage they have. Model
servers look for folders only. Readers need nothing; writers hold the folder's turn (components/versions.py).
"""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.errors import TrainworksError
from schemas.files import write_atomically

RECORD: Final = ".release.json"


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
