"""API keys: a file of their hashes, and the keys themselves, which nobody but their owner has.

A key reads `tw_<id>_<secret>`. The secret is 32 random bytes, so there is nothing to guess and one round of SHA-256
keeps it; the id, which is no secret, says which line of the file it is compared with.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.errors import ConfigError
from schemas.files import write_atomically
from schemas.names import is_name

Role = Literal["predict", "admin", "metrics"]
"""`predict` asks models, and what they are; `admin` changes what is served; `metrics` reads counters and latencies."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)

_PATTERN: Final = re.compile(r"tw_([0-9a-f]{12})_[A-Za-z0-9_-]{43}", re.ASCII)
_ID_BYTES: Final = 6
_SECRET_BYTES: Final = 32
_OTHERS: Final = 0o027
"""Permissions that a file of keys must not give: writing to the group, anything to others."""


class Key(BaseModel):
    """What the server knows of a key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[0-9a-f]{12}$")
    name: str = Field(min_length=1, max_length=100)
    """Whose it is; the audit log has it."""
    roles: tuple[Role, ...] = Field(min_length=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the whole key, in hexadecimal."""
    requests_per_second: float | None = Field(default=None, gt=0)
    """Requests that it may send; None for as many as it likes."""
    created: datetime


class KeyFile(BaseModel):
    """The keys that a server accepts, as JSON on disk."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keys: tuple[Key, ...] = ()

    @classmethod
    def load(cls, path: Path) -> "KeyFile":
        """Reads the file.

        Raises:
            ConfigError: it is not there, others may read or change it, or it holds something else.
        """
        try:
            mode = path.stat().st_mode
            content = path.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"`--keys` must be a file of keys that can be read. Received: {path} ({error.strerror})"
            ) from error
        if mode & _OTHERS:
            raise ConfigError(
                f"`--keys` must be a file that its group cannot write and others cannot read: chmod 600 {path}."
                f" Received: mode {mode & 0o777:o}"
            )
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]  # no hash, and no key put there by mistake, is shown
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise ConfigError(
                f"`--keys` must be a file that `trainworks keys` wrote. Received: {path}: {where}: {first['msg']}"
            ) from None

    def save(self, path: Path) -> None:
        """Writes the file, for its owner alone."""
        write_atomically((self.model_dump_json(indent=2) + "\n").encode(), path, mode=0o600)

    def with_new(
        self, name: str, roles: Sequence[Role], requests_per_second: float | None = None
    ) -> tuple["KeyFile", str]:
        """A file with one key more, and that key, which is not kept anywhere.

        Raises:
            ConfigError: `name` is no name, or that of another key.
        """
        if not is_name(name):
            raise ConfigError(f"`NAME` must be letters, digits, `.`, `_` and `-`, at most 100. Received: {name!r}")
        if any(key.name == name for key in self.keys):
            raise ConfigError(f"`NAME` must be new; remove the old key first. Received: {name}")
        identity = secrets.token_hex(_ID_BYTES)
        secret = f"tw_{identity}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        key = Key(
            id=identity,
            name=name,
            roles=tuple(role for role in ROLES if role in roles),
            sha256=_digest(secret),
            requests_per_second=requests_per_second,
            created=datetime.now(UTC).replace(microsecond=0),
        )
        return KeyFile(keys=(*self.keys, key)), secret

    def without(self, name: str) -> "KeyFile":
        """A file with one key less.

        Raises:
            ConfigError: no key has this name.
        """
        left = tuple(key for key in self.keys if key.name != name)
        if len(left) == len(self.keys):
            names = ", ".join(key.name for key in self.keys) or "none"
            raise ConfigError(f"`NAME` must be one of the keys' names ({names}). Received: {name}")
        return KeyFile(keys=left)


class KeyRing:
    """The keys of a file, to look one up by what a client sent."""

    def __init__(self, file: KeyFile) -> None:
        self._keys: Mapping[str, Key] = MappingProxyType({key.id: key for key in file.keys})

    def find(self, secret: str) -> Key | None:
        """The key, in a time that does not tell how much of it was right."""
        matched = _PATTERN.fullmatch(secret)
        key = self._keys.get(matched[1]) if matched else None
        found = hmac.compare_digest(_digest(secret), key.sha256 if key else "0" * 64)
        return key if found else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
