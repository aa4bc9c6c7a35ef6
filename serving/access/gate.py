"""Whether a call may come in: one gate for gRPC and REST."""

import logging
import threading
import time
from pathlib import Path
from typing import Final

from schemas.errors import ConfigError
from serving.access.keys import Key, KeyFile, KeyRing, Role
from serving.access.limits import TokenBucket
from serving.calls import ANONYMOUS
from serving.errors import Code, ServingError

_LOOK_SECONDS: Final = 1.0
_SCHEME: Final = "bearer "

_log = logging.getLogger(__name__)


class Gate:
    """Admits calls by the key that they show.

    Without a file of keys everyone is admitted. Calls that change what is served must come from this machine, unless
    that is allowed otherwise, whatever key they show. A file that changes counts from a second later on; one that was
    spoiled is told in the log, and the keys of before stay good.

    Args:
        keys: the file that `trainworks keys` writes; None for none.
        remote_admin: whether calls for `admin` may come from other machines.

    Raises:
        ConfigError: the file is not there, others may read or change it, or it holds something else.
    """

    def __init__(self, keys: Path | None = None, *, remote_admin: bool = False) -> None:
        self._path, self._remote_admin = keys, remote_admin
        self._lock = threading.Lock()
        self._buckets: dict[str, TokenBucket] = {}
        if keys is not None:
            self._ring = KeyRing(KeyFile.load(keys))
            self._stamp, self._looked = _stamp(keys), time.monotonic()

    @property
    def has_keys(self) -> bool:
        """Whether calls need a key."""
        return self._path is not None

    def admit(self, role: Role, authorization: str | None, *, loopback: bool) -> str:
        """The name of the key's owner.

        Args:
            role: what the call needs.
            authorization: the header or metadata `authorization`, `Bearer KEY`.
            loopback: whether the call comes from this machine.

        Raises:
            ServingError: UNAUTHENTICATED without a key that is known, PERMISSION_DENIED if it lacks the role or the
                call may not come from there, RESOURCE_EXHAUSTED if it sends too much.
        """
        if role == "admin" and not loopback and not self._remote_admin:
            raise ServingError(Code.PERMISSION_DENIED, "What is served can be changed from this machine only.")
        if self._path is None:
            return ANONYMOUS
        key = self._key(authorization)
        if role not in key.roles:
            raise ServingError(Code.PERMISSION_DENIED, f"The key `{key.name}` does not have the role `{role}`.")
        if not self._within_limit(key):
            raise ServingError(
                Code.RESOURCE_EXHAUSTED,
                f"The key `{key.name}` may send {key.requests_per_second:g} requests per second.",
            )
        return key.name

    def _key(self, authorization: str | None) -> Key:
        scheme, secret = (authorization or "")[: len(_SCHEME)], (authorization or "")[len(_SCHEME) :]
        key = self._keys().find(secret.strip()) if scheme.lower() == _SCHEME else None
        if key is None:
            raise ServingError(Code.UNAUTHENTICATED, "A valid API key is needed, as `authorization: Bearer KEY`.")
        return key

    def _keys(self) -> KeyRing:
        assert self._path is not None
        if time.monotonic() - self._looked > _LOOK_SECONDS and self._lock.acquire(blocking=False):
            try:
                self._look_again(self._path)
            finally:
                self._lock.release()
        return self._ring

    def _look_again(self, path: Path) -> None:
        self._looked = time.monotonic()
        try:
            if (stamp := _stamp(path)) != self._stamp:
                self._stamp = stamp
                self._ring = KeyRing(KeyFile.load(path))
                self._buckets = {}
                _log.info("Keys were read again from %s", path)
        except (ConfigError, OSError) as error:
            _log.error("The keys of before stay good: %s", error)

    def _within_limit(self, key: Key) -> bool:
        if key.requests_per_second is None:
            return True
        bucket = self._buckets.get(key.id) or self._buckets.setdefault(key.id, TokenBucket(key.requests_per_second))
        return bucket.take()


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_ino, found.st_mode
