"""A version that is asked what clients ask of another, and whose answers nobody gets: they are compared and counted.

Which version that is, the label `shadow` says. Calls never wait for it: a thread asks, so many times a second at most,
and what it cannot keep up with is left out and counted.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from queue import Empty, Full, Queue
from typing import Final, Literal, Protocol

import numpy as np

from serving.access.limits import TokenBucket
from serving.errors import Code, ServingError
from serving.interface import Array, Classes, Servable

LABEL: Final = "shadow"

_QUEUE: Final = 32
_END_SECONDS: Final = 5.0
_TOLERANCE: Final = 0.01

_log = logging.getLogger(__name__)

Result = Literal["same", "different", "failed", "left out"]


@dataclass(frozen=True)
class ShadowCall:
    """What became of a call that a shadow was to be asked."""

    model: str
    version: int
    """The shadow's."""
    result: Result
    code: Code = Code.OK
    seconds: float = 0.0


class Shadows(Protocol):
    """The models that may have a shadow."""

    def shadow_of(self, name: str) -> int | None:
        """The version that is the shadow of a model, if it has one that is loaded."""

    def acquire(self, name: str, version: int | None = None) -> AbstractContextManager[Servable]:
        """A version, which stays loaded within."""


class Shadow:
    """Asks shadows.

    Args:
        per_second: calls a second at most, above 0.
        models: the models.
        tell: told of every call.
    """

    def __init__(self, per_second: float, models: Shadows, tell: Callable[[ShadowCall], None]) -> None:
        self._bucket, self._models, self._tell = TokenBucket(per_second), models, tell
        self._calls = Queue[Callable[[], ShadowCall] | None](_QUEUE)
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)
        self._thread.start()

    def predicted(
        self, model: str, version: int, signature: str, inputs: Mapping[str, Array], outputs: Mapping[str, Array]
    ) -> None:
        """Asks for a Predict that another version has answered."""
        self._ask(
            model, version, lambda shadow: same_outputs(outputs, shadow.predict(signature, inputs, tuple(outputs)))
        )

    def classified(self, model: str, version: int, signature: str, examples: Sequence[bytes], classes: Classes) -> None:
        """Asks for a Classify that another version has answered."""
        self._ask(model, version, lambda shadow: same_classes(classes, shadow.classify(signature, examples)))

    def regressed(self, model: str, version: int, signature: str, examples: Sequence[bytes], values: Array) -> None:
        """Asks for a Regress that another version has answered."""
        self._ask(model, version, lambda shadow: _same_numbers(values, shadow.regress(signature, examples)))

    def close(self) -> None:
        """Asks nothing more; what waits is left out."""
        with suppress(Empty):
            while True:
                self._calls.get_nowait()
        self._calls.put(None)
        self._thread.join(_END_SECONDS)

    def _ask(self, model: str, version: int, compare: Callable[[Servable], bool]) -> None:
        number = self._models.shadow_of(model)
        if number is None or number == version or not self._bucket.take():
            return
        try:
            self._calls.put_nowait(lambda: self._asked(model, number, compare))
        except Full:
            self._tell(ShadowCall(model, number, "left out"))

    def _asked(self, model: str, number: int, compare: Callable[[Servable], bool]) -> ShadowCall:
        start = time.perf_counter()
        try:
            with self._models.acquire(model, number) as servable:
                same = compare(servable.unwatched())
        except ServingError as error:
            return ShadowCall(model, number, "failed", error.code, time.perf_counter() - start)
        return ShadowCall(model, number, "same" if same else "different", Code.OK, time.perf_counter() - start)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                self._tell(call())
            except Exception:  # whatever a model comes up with, its shadow's thread goes on
                _log.exception("Asking a shadow failed unexpectedly")


def same_outputs(one: Mapping[str, Array], other: Mapping[str, Array]) -> bool:
    """Whether two answers say the same: all words and whole numbers are equal; where there are none, all numbers are
    within a hundredth. Two models are never of quite the same mind, so scores beside a label do not count."""
    if one.keys() != other.keys():
        return False
    decisive = [alias for alias, array in one.items() if not np.issubdtype(array.dtype, np.floating)]
    if decisive:
        return all(np.array_equal(one[alias], other[alias]) for alias in decisive)
    return all(_same_numbers(array, other[alias]) for alias, array in one.items())


def same_classes(one: Classes, other: Classes) -> bool:
    """Whether the best class of every example is the same."""
    return _best(one) == _best(other)


def _best(classes: Classes) -> list[object]:
    if classes.scores is None:
        return [] if classes.labels is None else list(classes.labels.tolist())
    places = classes.scores.argmax(axis=1).tolist()
    return places if classes.labels is None else [classes.labels[row][place] for row, place in enumerate(places)]


def _same_numbers(one: Array, other: Array) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=_TOLERANCE))
