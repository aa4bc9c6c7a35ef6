"""Who is told of what a model answered, such as the request log."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from serving.interface import Array, Classes


class Watcher(Protocol):
    """Told of every answer, by the thread that answers: it must be quick, and must not raise."""

    def predicted(
        self, model: str, version: int, signature: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]
    ) -> None:
        """A Predict was answered."""

    def classified(self, model: str, version: int, signature: str, examples: Sequence[bytes], classes: Classes) -> None:
        """A Classify was answered."""

    def regressed(self, model: str, version: int, signature: str, examples: Sequence[bytes], values: Array) -> None:
        """A Regress was answered."""
