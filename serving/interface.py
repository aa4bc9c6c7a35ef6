"""What the fronts know of the models behind them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from serving.errors import Code

Array = np.ndarray[Any, Any]
State = Literal["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]


@dataclass(frozen=True)
class Classes:
    """Answer of a classification: `labels`, `bytes`, and `scores`, float32, `(batch_size, classes)`; one may lack."""

    labels: Array | None
    scores: Array | None


@dataclass(frozen=True)
class VersionStatus:
    """Where a version of a model stands, and what went wrong with it."""

    version: int
    state: State
    code: Code = Code.OK
    message: str = ""


class Servable(Protocol):
    """A version of a model that is loaded. Its methods raise ServingError, and may be called from any thread."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def meta_graph(self) -> Any:
        """The MetaGraphDef."""

    def inputs(self, signature_name: str) -> Mapping[str, int]:
        """Inputs of a signature by alias, each with the member of TensorFlow's DataType that it takes."""

    def predict(
        self, signature_name: str, inputs: Mapping[str, Array], output_filter: Sequence[str]
    ) -> dict[str, Array]:
        """Outputs by alias: those of `output_filter`, or all."""

    def classify(self, signature_name: str, examples: Sequence[bytes]) -> Classes: ...

    def regress(self, signature_name: str, examples: Sequence[bytes]) -> Array:
        """Values, float32, `(batch_size,)`."""

    def unwatched(self) -> "Servable":
        """The same version; what this one is asked is neither logged nor given to a shadow."""

    def is_quick(self, signature_name: str) -> bool:
        """Whether small batches are known to take no longer than handing them to another thread: an event loop may
        then wait for them."""


class Models(Protocol):
    """The models that are served. Its methods raise ServingError."""

    def acquire(
        self, name: str, version: int | None = None, label: str | None = None
    ) -> AbstractContextManager[Servable]:
        """A version, which stays loaded within: the one named, the one with the label, or the newest."""

    def status(self, name: str, version: int | None = None) -> Sequence[VersionStatus]:
        """Where the versions of a model stand."""

    def apply(self, config: Any) -> None:
        """Serves what a ModelServerConfig says; returns once new models are there."""
