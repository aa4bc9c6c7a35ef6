"""Shards: the TFRecord files of a split, of bounded size, under their final names only once all are written."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from components.partials import link_or_copy
from schemas.tfrecords import write_record

SHARD_BYTES = 64 << 20
"""A shard is closed once it holds this many bytes of records."""

_BUFFER_BYTES = 1 << 20


@dataclass(frozen=True)
class WrittenShard:
    """A finished file under a temporary name. `order` sorts the shards of a split, whichever worker wrote them."""

    split: str
    order: tuple[int, int]
    path: str
    count: int
    digest: str = ""
    """SHA-256 of the file, where somebody asked for it."""


class ShardWriter:
    """Writes serialized examples of one unit of work (an input file, say) and split into shards of bounded size.

    Files have unique temporary names, so that a retried bundle never collides; `commit_shards` gives the final ones.

    Args:
        folder: the split's folder.
        split: its name.
        unit: the unit's place among all units of the split.
        shard_bytes: a shard is closed once it holds this many bytes of records.
    """

    def __init__(self, folder: Path, split: str, unit: int, *, shard_bytes: int = SHARD_BYTES) -> None:
        self._folder, self._split, self._unit, self._shard_bytes = folder, split, unit, shard_bytes
        self._file: BinaryIO | None = None
        self._path, self._bytes, self._count = "", 0, 0
        self._written: list[WrittenShard] = []

    def write(self, record: bytes) -> None:
        """Appends one record. Raises an OSError where the disk does (it is full, say)."""
        file = self._file or self._open()
        write_record(file, record)
        self._bytes += len(record)
        self._count += 1
        if self._bytes >= self._shard_bytes:
            self._close_shard()

    def close(self) -> list[WrittenShard]:
        """Flushes the last shard and returns all of them."""
        self._close_shard()
        return self._written

    def _open(self) -> BinaryIO:
        path = _unfinished(self._folder, (self._unit, len(self._written)))
        self._path, self._bytes, self._count = str(path), 0, 0
        self._file = path.open("xb", buffering=_BUFFER_BYTES)
        return self._file

    def _close_shard(self) -> None:
        if self._file is None:
            return
        self._file.close()
        self._file = None
        order = (self._unit, len(self._written))
        self._written.append(WrittenShard(self._split, order, self._path, self._count))


def adopt_shard(uri: Path, shard: WrittenShard) -> WrittenShard:
    """Takes a shard that stands elsewhere in among those of an artifact; raises an OSError where it has gone."""
    path = _unfinished(uri / f"Split-{shard.split}", shard.order)
    link_or_copy(Path(shard.path), path)
    return replace(shard, path=str(path))


def _unfinished(folder: Path, order: tuple[int, int]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f".{order[0]:05d}-{order[1]:05d}-{uuid.uuid4().hex}"


def commit_shards(uri: Path, shards: Sequence[WrittenShard]) -> dict[str, int]:
    """Gives finished shards their names `Split-<split>/data_tfrecord-NNNNN-of-NNNNN`; returns examples by split.

    Unfinished files that a retried bundle left in these folders are removed.
    """
    counts: dict[str, int] = {}
    for split in sorted({shard.split for shard in shards}):
        folder = uri / f"Split-{split}"
        mine = sorted((shard for shard in shards if shard.split == split), key=lambda shard: shard.order)
        for index, shard in enumerate(mine):
            Path(shard.path).rename(folder / f"data_tfrecord-{index:05d}-of-{len(mine):05d}")
        for leftover in folder.glob(".*"):
            leftover.unlink()
        counts[split] = sum(shard.count for shard in mine)
    return counts


def digests_of(shards: Sequence[WrittenShard]) -> dict[str, tuple[str, ...]]:
    """Digests by split, in the order of the shards' final names; none of a split where one of them is unknown."""
    digests: dict[str, list[str]] = {}
    for shard in sorted(shards, key=lambda shard: shard.order):
        digests.setdefault(shard.split, []).append(shard.digest)
    return {split: tuple(mine) for split, mine in sorted(digests.items()) if all(mine)}
