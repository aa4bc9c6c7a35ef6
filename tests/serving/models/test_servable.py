"""A real model behind the checks of TF Serving."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.errors import Code, ServingError
from serving.models.program import Program
from serving.models.servable import TensorflowServable
from serving.protos import example_pb2


@pytest.fixture(scope="module")
def servable(half_plus_two: Path) -> Iterator[TensorflowServable]:
    loaded = TensorflowServable("half_plus_two", 123, Program(half_plus_two / "123", timeout_seconds=20))
    yield loaded
    loaded.close()


def _floats(*values: float) -> dict[str, Any]:
    return {"x": np.array(values, np.float32)}


def _examples(*values: float) -> list[bytes]:
    examples = []
    for value in values:
        example = example_pb2.Example()
        example.features.feature["x"].float_list.value.append(value)
        examples.append(example.SerializeToString())
    return examples


def test_half_plus_two(servable: TensorflowServable) -> None:
    found = servable.predict("serving_default", _floats(1, 2, 5), ())
    assert found["y"].tolist() == [2.5, 3.0, 4.5]
    assert servable.predict("serving_default", _floats(), ["y"])["y"].shape == (0,)
    text = {"text": np.array([b"ab"], object), "times": np.array(3)}
    assert servable.predict("echo", text, ["length"]).keys() == {"length"}


def test_classes_and_values_of_examples(servable: TensorflowServable) -> None:
    classes = servable.classify("classify_x_to_y", _examples(1, 2))
    assert classes.labels is not None and classes.scores is not None
    assert classes.labels.tolist() == [[b"y", b"minus y"]] * 2
    assert classes.scores.tolist() == [[2.5, -2.5], [3.0, -3.0]]
    assert servable.regress("regress_x_to_y", _examples(1, 2)).tolist() == [2.5, 3.0]


@pytest.mark.parametrize(
    ("signature", "inputs", "outputs", "code", "said"),
    [
        ("none", {}, (), Code.FAILED_PRECONDITION, 'Serving signature key "none" not found.'),
        ("serving_default", {}, (), Code.INVALID_ARGUMENT, r"0!=1 .* Missing but required: {x}"),
        ("serving_default", {"z": _floats(1)["x"]}, (), Code.INVALID_ARGUMENT, "alias not found in signature: z"),
        ("serving_default", _floats(1) | {"z": 1}, (), Code.INVALID_ARGUMENT, r"Sent extra: {z}"),
        ("serving_default", {"x": np.array([1])}, (), Code.INVALID_ARGUMENT, "must be DT_FLOAT. Received: DT_INT64"),
        ("serving_default", {"x": np.array([b"a"], object)}, (), Code.INVALID_ARGUMENT, "Received: DT_STRING"),
        ("serving_default", {"x": np.float32([[1]])}, (), Code.INVALID_ARGUMENT, r"shape \[\?\]. Received: \[1,1\]"),
        ("serving_default", _floats(1), ["z"], Code.INVALID_ARGUMENT, "output tensor alias not found in signature: z"),
        ("__saved_model_init_op", {}, (), Code.INVALID_ARGUMENT, "Expected prediction signature method_name"),
    ],
)
def test_what_does_not_fit_is_told(
    servable: TensorflowServable, signature: str, inputs: Any, *, outputs: Any, code: Code, said: str
) -> None:
    with pytest.raises(ServingError, match=said) as raised:
        servable.predict(signature, inputs, outputs)
    assert raised.value.code is code


def test_only_signatures_of_their_kind_classify_and_regress(servable: TensorflowServable) -> None:
    for call, signature, said in (
        (servable.classify, "none", "No signature was found with the name: none"),
        (servable.classify, "serving_default", "Expected classification signature method_name"),
        (servable.regress, "none", "No signature was found with the name: none"),
        (servable.regress, "classify_x_to_y", "Expected regression signature method_name"),
        (servable.classify, "classify_x_to_y", "The model fails on these inputs: Could not parse example"),
    ):
        with pytest.raises(ServingError, match=said) as raised:
            call(signature, [b"no example"])
        assert raised.value.code is Code.INVALID_ARGUMENT


def test_a_signature_is_quick_once_it_was(servable: TensorflowServable) -> None:
    for _ in range(200):
        servable.predict("serving_default", _floats(1), ())
    assert servable.is_quick("serving_default")
    assert not servable.is_quick("echo") and not servable.is_quick("none")


def test_a_run_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    import tensorflow as tf

    class Endless(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None,), tf.float32, "x")])
        def run(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"y": tf.while_loop(lambda y: tf.reduce_all(y > -1.0), lambda y: [y * 1.0], [x])[0]}

    model = Endless()
    tf.saved_model.save(model, str(tmp_path / "1"), signatures={"serving_default": model.run})
    program = Program(tmp_path / "1", timeout_seconds=0.3)
    with pytest.raises(ServingError) as raised:
        program.run("serving_default", _floats(1), ("y",))
    assert raised.value.code is Code.DEADLINE_EXCEEDED
    assert program.run("serving_default", _floats(-1), ("y",))["y"].tolist() == [-1.0]
    program.close()


def test_what_does_not_load_is_told(tmp_path: Path, half_plus_two: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"broken")
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(ServingError, match="The model cannot be loaded: "):
            Program(folder, timeout_seconds=1)
    (tmp_path / "saved_model.pb").write_bytes((half_plus_two / "123" / "saved_model.pb").read_bytes())
    with pytest.raises(ServingError, match="The model cannot be loaded: "):  # its variables are missing
        Program(tmp_path, timeout_seconds=1)
