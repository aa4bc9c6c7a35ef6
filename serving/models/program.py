"""A SavedModel in memory, and its signatures as functions of numpy arrays.

The graph runs in a session, as in TensorFlow Serving: a prepared call (`_make_callable_from_options`) of a small model
takes some five microseconds, a concrete function of tf.saved_model.load a hundred.
"""

import contextlib
import gc
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from serving.errors import Code, ServingError
from serving.interface import Array
from serving.models.bounded_ops import is_bounded
from serving.tensors import dtype_of

_TAG: Final = "serve"
_MAX_CALLABLES: Final = 64
"""Prepared calls that a model keeps; each set of outputs that is asked for needs its own."""

_QUICK_SECONDS: Final = 200e-6
_QUICK_RUNS: Final = 8
_GROWTH: Final = 1.25
_CALLERS_THREAD: Final = -1
_POOL: Final = 0
"""TensorFlow's own threads: a run in them, but not one in the caller's thread, ends when it takes too long."""
_MESSAGE_LIMIT: Final = 1000
_LIBRARIES: Final = ("tensorflow_text",)
"""Packages that bring ops along."""


@dataclass(frozen=True, slots=True)
class Input:
    """What an input takes."""

    tensor: str
    type: int
    """The member of TensorFlow's DataType."""
    dtype: np.dtype[Any] | None
    """None for a type that no array has."""
    shape: tuple[int, ...] | None
    """With -1 for sizes that are open; None for any shape."""

    @classmethod
    def of(cls, info: Any) -> "Input":
        """From a TensorInfo."""
        shape = info.tensor_shape
        sizes = None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)
        return cls(info.name, info.dtype, dtype_of(info.dtype), sizes)


class Signature:
    """A signature's tensors, and how long it takes."""

    def __init__(self, definition: Any, *, bounded: bool) -> None:
        self.inputs: Mapping[str, Input] = {alias: Input.of(info) for alias, info in definition.inputs.items()}
        self.types: Mapping[str, int] = {alias: one.type for alias, one in self.inputs.items()}
        self.outputs: Mapping[str, str] = {alias: info.name for alias, info in definition.outputs.items()}
        """Alias to tensor."""
        self.all_outputs = tuple(self.outputs)
        self.method_name: str = definition.method_name
        shapes = [info.tensor_shape for info in definition.outputs.values()]
        self._has_open_outputs = all(shape.unknown_rank or (shape.dim and shape.dim[0].size == -1) for shape in shapes)
        self.is_bounded = bounded
        self._runs, self._seconds = 0, 0.0

    @property
    def has_open_rows(self) -> bool:
        """Whether inputs and outputs have as many rows as one likes, so that calls can be joined."""
        shapes = [one.shape for one in self.inputs.values()]
        return bool(shapes) and self._has_open_outputs and all(shape and shape[0] == -1 for shape in shapes)

    @property
    def is_quick(self) -> bool:
        """Whether its work is bounded by the size of its inputs, and was done in a fraction of a millisecond lately."""
        return self.is_bounded and self._runs >= _QUICK_RUNS and self._seconds < _QUICK_SECONDS

    def took(self, seconds: float) -> None:
        """Takes note of a run.

        Some of them wait for Python's other threads, which says nothing of the model: so the quickest counts, less and
        less the longer ago it was. (Threads may overwrite each other's notes; that does no harm.)
        """
        self._seconds = min(seconds, self._seconds * _GROWTH) if self._runs else seconds
        self._runs += 1


class Program:
    """A SavedModel, loaded.

    Args:
        folder: of `saved_model.pb`.
        timeout_seconds: how long a run may take.

    Raises:
        ServingError: it does not load; the message says why.
    """

    def __init__(self, folder: Path, timeout_seconds: float) -> None:
        import tensorflow as tf

        import_ops()
        graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=graph)
        try:
            with graph.as_default(), _quiet():
                self.meta_graph = tf.compat.v1.saved_model.loader.load(self._session, [_TAG], str(folder))
        except (tf.errors.OpError, OSError, RuntimeError, ValueError, TypeError, KeyError) as error:
            self._session.close()
            raise _failure(error, "The model cannot be loaded") from error
        self._errors = (tf.errors.OpError, ValueError, TypeError, UnicodeError)
        self._timeout_ms = max(1, int(timeout_seconds * 1000))
        graph_def = self.meta_graph.graph_def
        self.signatures: Mapping[str, Signature] = {
            name: Signature(
                definition, bounded=is_bounded(graph_def, [info.name for info in definition.outputs.values()])
            )
            for name, definition in self.meta_graph.signature_def.items()
        }
        self._callables: dict[tuple[str, tuple[str, ...]], Any] = {}
        self._lock = threading.Lock()

    def run(self, name: str, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Outputs of a signature by alias.

        Args:
            name: of the signature.
            inputs: an array for each of its inputs, of its type.
            outputs: aliases that are wanted.

        Raises:
            ServingError: the graph fails on these inputs, or takes too long.
        """
        signature = self.signatures[name]
        call, fed, fetched = self._callable(name, signature, tuple(outputs))
        start = time.perf_counter()
        try:
            values = call(*[inputs[alias] for alias in fed])
        except self._errors as error:
            raise _failure(error, "The model fails on these inputs") from error
        signature.took(time.perf_counter() - start)
        return {alias: values[fetched[alias]] for alias in outputs}

    def close(self) -> None:
        """Gives the memory back. Nothing may run any more."""
        self._callables.clear()
        self._session.close()
        del self._session
        gc.collect()  # graphs hold on to themselves

    def _callable(
        self, name: str, signature: Signature, outputs: tuple[str, ...]
    ) -> tuple[Any, Sequence[str], Mapping[str, int]]:
        key = name, outputs
        found = self._callables.get(key)
        if found is None:
            with self._lock:
                found = self._callables.get(key) or self._prepared(signature, outputs)
                if len(self._callables) < _MAX_CALLABLES:
                    self._callables[key] = found
        return found

    def _prepared(self, signature: Signature, outputs: Iterable[str]) -> tuple[Any, Sequence[str], Mapping[str, int]]:
        from tensorflow.core.protobuf import config_pb2

        fed = {one.tensor: alias for alias, one in signature.inputs.items()}
        tensors = list(dict.fromkeys(signature.outputs[alias] for alias in outputs))
        options = config_pb2.CallableOptions(feed=list(fed), fetch=tensors)
        options.run_options.inter_op_thread_pool = _CALLERS_THREAD if signature.is_bounded else _POOL
        options.run_options.timeout_in_ms = self._timeout_ms
        fetched = {alias: tensors.index(signature.outputs[alias]) for alias in outputs}
        return self._session._make_callable_from_options(options), list(fed.values()), fetched


def import_ops() -> None:
    """Imports TensorFlow, and makes ops known that it does not have itself, if they are installed."""
    import importlib

    for library in _LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(library)


@contextlib.contextmanager
def _quiet() -> Any:
    """Keeps back the advice to load with another function: that one makes concrete functions, see above."""
    import tensorflow as tf

    logger = tf.get_logger()
    before = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(before)


def _failure(error: Exception, what: str) -> ServingError:
    code = Code(getattr(error, "error_code", Code.INVALID_ARGUMENT) or Code.UNKNOWN)
    return ServingError(code, f"{what}: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "message", "") or error).strip() or type(error).__name__
    return text.split("\n")[0][:_MESSAGE_LIMIT]
