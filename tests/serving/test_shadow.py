"""What a shadow is asked, when, and what counts as the same answer."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from serving.errors import Code, ServingError
from serving.interface import Array, Classes
from serving.shadow import Shadow, ShadowCall, same_classes, same_outputs
from tests.serving.clients import until

INPUTS = {"x": np.array([1.0], np.float32)}


class Models:
    """A model whose shadow, version 2, answers with `y`, or fails; it waits for `gate`."""

    def __init__(self, y: float, *, shadow: int | None = 2, error: Code | None = None) -> None:
        self._y, self.shadow, self._error = y, shadow, error
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[tuple[str, int | None]] = []

    def shadow_of(self, name: str) -> int | None:
        return self.shadow

    @contextmanager
    def acquire(self, name: str, version: int | None = None) -> Iterator[Any]:
        self.asked.append((name, version))
        assert self.gate.wait(30)
        yield self

    def unwatched(self) -> "Models":
        return self

    def predict(
        self, signature_name: str, inputs: Mapping[str, Array], output_filter: Sequence[str]
    ) -> dict[str, Array]:
        if self._error:
            raise ServingError(self._error, "no")
        assert (signature_name, tuple(output_filter), inputs) == ("serving_default", ("y",), INPUTS)
        return {"y": np.array([self._y], np.float32)}


@contextmanager
def shadowed(models: Models, per_second: float = 1000.0) -> Iterator[tuple[Shadow, list[ShadowCall]]]:
    told: list[ShadowCall] = []
    shadow = Shadow(per_second, models, told.append)
    yield shadow, told
    models.gate.set()
    shadow.close()


def _predicted(shadow: Shadow, version: int = 1, y: float = 2.0) -> None:
    shadow.predicted("news", version, "serving_default", INPUTS, {"y": np.array([y], np.float32)})


@pytest.mark.parametrize(
    ("models", "result", "code"),
    [
        (Models(2.0), "same", Code.OK),
        (Models(2.01), "same", Code.OK),
        (Models(3.0), "different", Code.OK),
        (Models(2.0, error=Code.INTERNAL), "failed", Code.INTERNAL),
    ],
)
def test_answers_are_compared(models: Models, result: str, code: Code) -> None:
    with shadowed(models) as (shadow, told):
        _predicted(shadow)
        until(lambda: told)
    assert [(call.model, call.version, call.result, call.code) for call in told] == [("news", 2, result, code)]
    assert models.asked == [("news", 2)]


def test_nobody_is_asked_without_a_shadow_or_for_its_own_answers() -> None:
    models = Models(2.0)
    with shadowed(models) as (shadow, told):
        _predicted(shadow, version=2)
        models.shadow = None
        _predicted(shadow)
    assert (models.asked, told) == ([], [])


def test_calls_do_not_wait_and_what_is_too_much_is_left_out() -> None:
    models = Models(2.0)
    models.gate.clear()
    with shadowed(models) as (shadow, told):
        for _ in range(100):
            _predicted(shadow)  # returns, though no answer comes
        left_out = [call.result for call in told]
    assert set(left_out) == {"left out"}
    assert 100 - len(left_out) in (32, 33)  # in the queue, and perhaps one with the thread


def test_the_rate_is_bounded() -> None:
    models = Models(2.0)
    with shadowed(models, per_second=5.0) as (shadow, told):
        for _ in range(50):
            _predicted(shadow)
        until(lambda: len(told) >= 5)
    assert 5 <= len(models.asked) < 50


def test_what_counts_as_the_same_answer() -> None:
    label = {"label": np.array([b"sport"], object), "score": np.array([0.9], np.float32)}
    assert same_outputs(label, {**label, "score": np.array([0.4], np.float32)})
    assert not same_outputs(label, {**label, "label": np.array([b"law"], object)})
    assert not same_outputs(label, {"label": label["label"]})
    assert not same_outputs({"y": np.zeros(2, np.float32)}, {"y": np.zeros(3, np.float32)})


def test_the_best_class_decides() -> None:
    labels, scores = np.array([[b"a", b"b"]], object), np.array([[0.9, 0.1]], np.float32)
    turned = Classes(labels[:, ::-1], np.array([[0.3, 0.7]], np.float32))
    assert same_classes(Classes(labels, scores), turned)
    assert not same_classes(Classes(labels, scores), Classes(labels, scores[:, ::-1]))
    assert same_classes(Classes(None, scores), Classes(None, scores * 0.5))
    assert not same_classes(Classes(labels, None), Classes(labels[:, ::-1], None))
