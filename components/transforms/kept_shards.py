"""Shards that an earlier run wrote from the same content, and what it said of them.

An entry holds a second name of each shard's file, and `outcome.json`: the sizes, times and counts of the shards, and
what else the work on them gave. A file that is not as it was, by its size and time, makes the entry count for nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from components.partials import Partials, link_or_copy
from components.transforms.shards import WrittenShard, adopt_shard
from schemas.files import sync


@dataclass(frozen=True)
class _KeptShard:
    """`file` is its name in the entry, `stamp` its size and its time of modification in nanoseconds."""

    split: str
    number: int
    file: str
    count: int
    digest: str
    stamp: tuple[int, int]


@dataclass(frozen=True)
class _Outcome:
    key: str
    shards: tuple[_KeptShard, ...]
    said: str


_OUTCOME = TypeAdapter(_Outcome)


@dataclass(frozen=True)
class KeptShards:
    """Shards by the key of what they were made of.

    Args:
        partials: where they are kept.
        uri: the artifact that they are taken into.
    """

    partials: Partials
    uri: str

    def take(self, key: str, place: int) -> tuple[list[WrittenShard], bytes] | None:
        """The shards, as if the unit of work at `place` had written them now, and what was said of them."""
        entry = self.partials.find(key)
        if entry is None:
            return None
        try:
            outcome = _OUTCOME.validate_json((entry / "outcome.json").read_bytes())
            if outcome.key == key:
                return [self._adopted(entry, shard, place) for shard in outcome.shards], outcome.said.encode()
        except (OSError, ValidationError, _ChangedError):
            pass
        self.partials.discard(key)
        return None

    def add(
        self, key: str, shards: Sequence[WrittenShard], said: bytes, *, unless: Callable[[], bool] = lambda: False
    ) -> None:
        """Keeps finished shards, once they are on the disk; nothing of it where `unless` says so in the end."""
        with self.partials.adding(key) as entry:
            kept = []
            for number, shard in enumerate(shards):
                sync(Path(shard.path))
                link_or_copy(Path(shard.path), entry / f"shard-{number}")
                stamp = _stamp(entry / f"shard-{number}")
                kept.append(
                    _KeptShard(shard.split, shard.order[1], f"shard-{number}", shard.count, shard.digest, stamp)
                )
            (entry / "outcome.json").write_bytes(_OUTCOME.dump_json(_Outcome(key, tuple(kept), said.decode())))
            if unless():
                raise _ChangedError

    def _adopted(self, entry: Path, shard: _KeptShard, place: int) -> WrittenShard:
        source = entry / shard.file
        if _stamp(source) != shard.stamp:
            raise _ChangedError
        written = WrittenShard(shard.split, (place, shard.number), str(source), shard.count, shard.digest)
        return adopt_shard(Path(self.uri), written)


class _ChangedError(OSError):
    """A file is not what it was."""


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
