"""Which split a row belongs to: stable when rows are added, removed or reordered.

A row's side follows from its own content alone: BLAKE2b (RFC 7693) with 8 bytes of digest, read as a big-endian number,
falls into [0, 2^64). Held-out splits own contiguous ranges from 0 up, in the order of the pipeline file, each as wide
as its share; what is above stays in the split that is cut. So a share that is raised moves rows one way only.
"""

from hashlib import blake2b

from schemas.config import HoldoutConfig

_RANGE = 1 << 64


class Splitter:
    """Assigns the rows of one split.

    Args:
        split: the split that the pipeline file gives the rows to.
        holdout: what is cut, or None; a holdout from another split leaves the rows where they are.
    """

    def __init__(self, split: str, holdout: HoldoutConfig | None) -> None:
        self._split = split
        self._bounds: list[tuple[bytes, str]] = []
        if holdout and holdout.source == split:
            edge = 0.0
            for name, share in holdout.fractions.items():
                edge += share
                self._bounds.append((int(edge * _RANGE).to_bytes(8, "big"), name))

    @property
    def names(self) -> tuple[str, ...]:
        """The splits that rows may go to."""
        return (self._split, *(name for _, name in self._bounds))

    def assign(self, content: bytes) -> str:
        """The split of a row with this canonical content (or partition key)."""
        if self._bounds:
            digest = blake2b(content, digest_size=8).digest()
            for bound, name in self._bounds:
                if digest < bound:
                    return name
        return self._split
