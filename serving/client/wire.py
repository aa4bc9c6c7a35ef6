"""What is asked and answered, whatever the protocol: a protocol turns it into bytes and back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from serving.interface import VersionStatus as VersionState

T = TypeVar("T")
Array = np.ndarray[Any, Any]
Value = str | bytes | int | float | Sequence[str] | Sequence[bytes] | Sequence[int] | Sequence[float]
Example = Mapping[str, Value]
"""A tf.Example: feature to its value or values."""

__all__ = ["Array", "Example", "Exchange", "Layout", "Spec", "TensorLayout", "Value", "VersionState", "Wire"]


@dataclass(frozen=True)
class Spec:
    """Which model is asked.

    Args:
        model: its name.
        version: a version; None for the newest, or that of the label.
        label: a label of a version.
        signature: a signature; None for `serving_default`.
    """

    model: str
    version: int | None = None
    label: str | None = None
    signature: str | None = None


@dataclass(frozen=True)
class TensorLayout:
    """An input or output: array type (`object` for strings), and shape with -1 where any size will do."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """A signature."""

    inputs: Mapping[str, TensorLayout]
    outputs: Mapping[str, TensorLayout]


@dataclass(frozen=True)
class Exchange(Generic[T]):
    """A request as bytes, and what its answer's bytes mean."""

    method: str
    """The path of a gRPC method, or an HTTP method and a path."""
    body: bytes
    parse: Callable[[bytes], T]


class Wire(Protocol):
    """A protocol."""

    def predict(
        self, spec: Spec, inputs: Mapping[str, Array], outputs: Sequence[str], layout: Layout
    ) -> Exchange[dict[str, Array]]:
        """Outputs by name; strings are `bytes`."""

    def classify(self, spec: Spec, examples: Sequence[Example]) -> Exchange[list[dict[str, float]]]:
        """Label to score, of each example."""

    def regress(self, spec: Spec, examples: Sequence[Example]) -> Exchange[list[float]]:
        """A value of each example."""

    def signatures(self, spec: Spec) -> Exchange[dict[str, Layout]]:
        """What the model takes and gives."""

    def status(self, spec: Spec) -> Exchange[list[VersionState]]:
        """Where versions of the model stand."""
