"""Example rows: a few origins (`file:line`) that are the same however the data is sharded."""

from collections.abc import Iterable

KEPT = 5
"""Example rows that are kept of each kind."""


def natural_order(source: bytes) -> tuple[bytes, int, bytes]:
    """A sort key of an origin: by file, and by line as a number."""
    file, _, line = source.rpartition(b":")
    return file, int(line) if line.isdigit() else -1, source


def first_sources(sources: Iterable[bytes], kept: int = KEPT) -> list[bytes]:
    """The first few different origins in the order of files and lines."""
    return sorted(set(sources), key=natural_order)[:kept]
