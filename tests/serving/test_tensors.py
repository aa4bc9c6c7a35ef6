"""Against TensorFlow's own conversions, and TensorFlow's rules for what a message may leave out."""

import contextlib
import secrets
import subprocess
import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from google.protobuf.message import DecodeError

from serving.protos import tensor_pb2, types_pb2
from serving.tensors import TensorError, dtype_of, to_array, to_proto

NUMBERS = (
    np.float32,
    np.float64,
    np.float16,
    ml_dtypes.bfloat16,
    np.int8,
    np.int16,
    np.int32,
    np.int64,
    np.uint8,
    np.uint16,
    np.uint32,
    np.uint64,
    np.bool_,
    np.complex64,
    np.complex128,
)
SHAPES = ((), (0,), (1,), (3,), (2, 0, 4), (7, 9))


def _values(dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(7)
    values = rng.normal(0, 50, shape) + (1j * rng.normal(0, 50, shape) if np.dtype(dtype).kind == "c" else 0)
    return np.asarray(np.abs(values) if np.dtype(dtype).kind in "ub" else values).astype(dtype)


@pytest.mark.parametrize("content", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", NUMBERS)
def test_tensorflow_reads_what_is_written(dtype: Any, shape: tuple[int, ...], content: bool) -> None:
    import tensorflow as tf

    array = _values(dtype, shape)
    read = tf.make_ndarray(to_proto(array, content=content))
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", NUMBERS)
def test_what_tensorflow_writes_is_read(dtype: Any, shape: tuple[int, ...]) -> None:
    import tensorflow as tf

    array = _values(dtype, shape)
    for proto in (tf.make_tensor_proto(array), to_proto(array), to_proto(array, content=True)):
        read = to_array(proto)
        assert (read.dtype, read.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(read, array)


def test_strings_are_bytes() -> None:
    import tensorflow as tf

    array = np.array([["à".encode(), b""], [b"\x00\xff", b"x" * 300]], object)
    assert to_array(tf.make_tensor_proto(array)).tolist() == array.tolist()
    assert tf.make_ndarray(to_proto(array)).tolist() == array.tolist()


def test_strings_in_content_as_the_c_library_writes_them() -> None:
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, tensor_content=b"\x02\x00\xac\x02" + b"hi" + b"y" * 300)
    proto.tensor_shape.dim.add().size = 3
    assert to_array(proto).tolist() == [b"hi", b"", b"y" * 300]


@pytest.mark.parametrize(
    ("values", "expected"), [([], [0, 0, 0]), ([5], [5, 5, 5]), ([1, 2], [1, 2, 2]), ([1, 2, 3, 4], [1, 2, 3])]
)
def test_the_last_value_fills_the_shape(values: list[int], expected: list[int]) -> None:
    for dtype, field in ((types_pb2.DT_FLOAT, "float_val"), (types_pb2.DT_INT32, "int_val")):
        proto = tensor_pb2.TensorProto(dtype=dtype, **{field: values})
        proto.tensor_shape.dim.add().size = 3
        assert to_array(proto).tolist() == expected


def test_integers_are_cut_to_their_width() -> None:
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_INT8, int_val=[300, -1])
    proto.tensor_shape.dim.add().size = 2
    assert to_array(proto).tolist() == [44, -1]


def test_long_fields_are_read_whole_beside_whatever_else_there_is() -> None:
    array = np.linspace(-1, 1, 1000, dtype=np.float32)
    proto = to_proto(array)
    proto.version_number = 3
    proto.string_val.append(b"left over")
    proto.MergeFromString(b"\xfa\x3f\x03abc")  # field 1023, which nobody knows
    np.testing.assert_array_equal(to_array(proto), array)


def test_a_shape_may_not_ask_for_more_memory_than_allowed() -> None:
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[1.0])
    for _ in range(3):
        proto.tensor_shape.dim.add().size = 1 << 20
    with pytest.raises(TensorError, match=r"at most 1073741824 bytes\. Received: \[1048576, 1048576, 1048576\]"):
        to_array(proto)
    one = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[b"x"])
    one.tensor_shape.dim.add().size = 100
    with pytest.raises(TensorError, match="800 bytes"):
        to_array(one, max_bytes=799)


def _broken(**fields: Any) -> Any:
    sizes = fields.pop("shape", (2,))
    proto = tensor_pb2.TensorProto(**{"dtype": types_pb2.DT_FLOAT, **fields})
    for size in sizes:
        proto.tensor_shape.dim.add().size = size
    return proto


@pytest.mark.parametrize(
    ("proto", "message"),
    [
        (_broken(dtype=types_pb2.DT_INVALID), "DT_INVALID"),
        (_broken(dtype=types_pb2.DT_RESOURCE), "DT_RESOURCE"),
        (_broken(dtype=12345), "12345"),
        (_broken(shape=(-1,)), r"none negative. Received: \[-1\]"),
        (_broken(shape=(1,) * 33), "at most 32 dimensions"),
        (_broken(tensor_content=b"1234567"), "must have 8 bytes, as type and shape say. Received: 7"),
        (_broken(dtype=types_pb2.DT_STRING, tensor_content=b"\x01\x05x"), "must have 8 bytes. Received: 3"),
        (_broken(dtype=types_pb2.DT_STRING, tensor_content=b"\xff\xff\xff\xff\xff\x7f"), "a broken one"),
        (_broken(dtype=types_pb2.DT_STRING, tensor_content=b"\x00"), "2 lengths"),
    ],
)
def test_what_is_no_tensor_is_told(proto: Any, message: str) -> None:
    with pytest.raises(TensorError, match=message):
        to_array(proto)


def test_an_unknown_rank_and_an_unknown_type_are_told() -> None:
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT)
    proto.tensor_shape.unknown_rank = True
    with pytest.raises(TensorError, match="must be known"):
        to_array(proto)
    with pytest.raises(TensorError, match="datetime64"):
        to_proto(np.array(["2020-01-01"], "datetime64[D]"))
    assert dtype_of(types_pb2.DT_HALF) == np.float16 and dtype_of(types_pb2.DT_VARIANT) is None


def test_random_bytes_never_do_more_than_say_so() -> None:
    seed = secrets.randbits(32)
    rng = np.random.default_rng(seed)
    start = to_proto(np.arange(40, dtype=np.float64)).SerializeToString()
    for _ in range(3000):
        data = bytearray(start)
        for at in rng.integers(0, len(data), 4):
            data[at] = rng.integers(0, 256)
        proto = tensor_pb2.TensorProto()
        with contextlib.suppress(DecodeError, TensorError):
            proto.ParseFromString(bytes(data))
            assert to_array(proto, max_bytes=1 << 20).nbytes <= 1 << 20, f"{seed=}"


def test_messages_do_without_tensorflow_and_go_along_with_it_later() -> None:
    code = """
import sys
import serving.protos as protos
assert "tensorflow" not in sys.modules and "tensorflow.python" not in sys.modules
import tensorflow as tf
assert protos.predict_pb2.PredictRequest().inputs["x"].__class__ is tf.make_tensor_proto(1).__class__
print(tf.saved_model, tf.constant(1))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
