"""Calls of TF Serving's services whose messages were valid once, each made from a source of chance alone."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import numpy as np

from serving.protos import (
    classification_pb2,
    example_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)
from serving.tensors import write
from tests.serving.fuzz.odd_values import FLOATS, INTEGERS, TEXTS
from tests.serving.fuzz.spoilt_bytes import garbage, spoilt

_PREDICTION: Final = "/tensorflow.serving.PredictionService/"
_MANAGEMENT: Final = "/tensorflow.serving.ModelService/"
RELOAD: Final = f"{_MANAGEMENT}HandleReloadConfigRequest"
_ENUMS: Final = (0, 1, 3, 7, 9, 10, 19, 20, 21, 101, 2_000, -1)
"""Members of DataType, and none."""


@dataclass(frozen=True)
class GrpcCall:
    """A method's whole name, what it is sent, and the class of what it answers."""

    method: str
    data: bytes
    answer: Any


def grpc_call(chance: Random) -> GrpcCall:
    """A call of any method but the one that changes what is served."""
    method, request, answer = chance.choice(_SEEDS)
    return GrpcCall(method, _spoilt_message(request(chance), chance), answer)


def reload_call(config: Any, chance: Random) -> GrpcCall:
    """A call that says what is to be served, from a ModelServerConfig that may be."""
    request = model_management_pb2.ReloadConfigRequest()
    request.config.CopyFrom(config)
    return GrpcCall(RELOAD, _spoilt_message(request, chance), model_management_pb2.ReloadConfigResponse)


def _spoilt_message(message: Any, chance: Random) -> bytes:
    match chance.randrange(10):
        case 0:
            return garbage(chance)
        case 1 | 2 | 3:
            return spoilt(message.SerializeToString(), chance)
        case _:
            for _ in range(chance.choice((1, 1, 2, 3))):
                _disturb(message, chance)
            return bytes(message.SerializeToString())


def _disturb(message: Any, chance: Random) -> None:
    """Changes a field of a message, or of one in it."""
    present = [field for field, _ in message.ListFields()]
    if present and chance.random() < 0.75:
        _disturb_field(message, chance.choice(present), chance)
    elif message.DESCRIPTOR.fields:
        _disturb_field(message, chance.choice(message.DESCRIPTOR.fields), chance)


def _disturb_field(message: Any, field: Any, chance: Random) -> None:
    if chance.random() < 0.1:
        message.ClearField(field.name)
    elif field.message_type is not None and field.message_type.GetOptions().map_entry:
        _disturb_map(getattr(message, field.name), field.message_type.fields_by_name, chance)
    elif field.message_type is not None and not field.is_repeated:
        inner = getattr(message, field.name)
        inner.SetInParent()
        _disturb(inner, chance)
    elif field.message_type is not None:
        messages = getattr(message, field.name)
        _disturb(chance.choice(messages) if messages and chance.random() < 0.7 else messages.add(), chance)
    elif field.is_repeated:
        values = getattr(message, field.name)
        values.extend(_scalar(field, chance) for _ in range(chance.choice((1, 2, 40))))
    else:
        setattr(message, field.name, _scalar(field, chance))


def _disturb_map(entries: Any, fields: Any, chance: Random) -> None:
    known = sorted(entries)
    key = chance.choice(known) if known and chance.random() < 0.6 else _scalar(fields["key"], chance)
    if fields["value"].message_type is None:
        entries[key] = _scalar(fields["value"], chance)
    else:
        _disturb(entries[key], chance)


def _scalar(field: Any, chance: Random) -> Any:
    """A value that a field can hold; of an enum's any number."""
    match field.cpp_type:
        case field.CPPTYPE_STRING if field.type == field.TYPE_BYTES:
            return garbage(chance, 50)
        case field.CPPTYPE_STRING:
            return chance.choice(TEXTS)
        case field.CPPTYPE_BOOL:
            return chance.random() < 0.5
        case field.CPPTYPE_FLOAT | field.CPPTYPE_DOUBLE:
            return chance.choice(FLOATS)
        case field.CPPTYPE_ENUM:
            return chance.choice(_ENUMS)
        case _:
            bits = 32 if field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_UINT32) else 64
            is_signed = field.cpp_type in (field.CPPTYPE_INT32, field.CPPTYPE_INT64)
            value = chance.choice(INTEGERS) % 2**bits
            return value - 2**bits if is_signed and value >= 2 ** (bits - 1) else value


def _predict(chance: Random) -> Any:
    request = predict_pb2.PredictRequest()
    inputs: dict[str, np.ndarray[Any, Any]]
    name, signature, inputs = chance.choice(
        (
            ("half_plus_two", "", {"x": np.float32([1.0, 2.0, 5.0])}),
            ("kinds", "root", {"anything": np.arange(40.0).reshape(2, 20)}),
            ("kinds", "length", {"anything": np.array([[b"a", b""], [b"\xff", b"long" * 9]], object)}),
            (
                "kinds",
                "serving_default",
                {
                    "pair": np.float32([[1, 2], [3, 4]]),
                    "count": np.array([1, -(2**63)]),
                    "words": np.array([[b"a"], [b"b"]], object),
                    "flag": np.array([True, False]),
                },
            ),
        )
    )
    _specify(request.model_spec, name, signature, chance)
    for alias, array in inputs.items():
        write(request.inputs[alias], array, content=not array.dtype.hasobject and chance.random() < 0.5)
    return request


def _classify(chance: Random) -> Any:
    return _of_examples(classification_pb2.ClassificationRequest(), "classify_x_to_y", chance)


def _regress(chance: Random) -> Any:
    return _of_examples(regression_pb2.RegressionRequest(), "regress_x_to_y", chance)


def _infer(chance: Random) -> Any:
    request = inference_pb2.MultiInferenceRequest()
    for kind in ("classify", "regress"):
        task = request.tasks.add(method_name=f"tensorflow/serving/{kind}")
        _specify(task.model_spec, "half_plus_two", f"{kind}_x_to_y", chance)
    _write_examples(request.input, chance)
    return request


def _metadata(chance: Random) -> Any:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    _specify(request.model_spec, "kinds", "", chance)
    return request


def _status(chance: Random) -> Any:
    request = get_model_status_pb2.GetModelStatusRequest()
    _specify(request.model_spec, "half_plus_two", "", chance)
    return request


def _of_examples(request: Any, signature: str, chance: Random) -> Any:
    _specify(request.model_spec, "half_plus_two", signature, chance)
    _write_examples(request.input, chance)
    return request


def _write_examples(message: Any, chance: Random) -> None:
    kind = chance.choice((message.example_list, message.example_list_with_context))
    for value in (1.0, -2.5):
        example = example_pb2.Example()
        example.features.feature["x"].float_list.value.append(value)
        kind.examples.append(example)


def _specify(spec: Any, name: str, signature: str, chance: Random) -> None:
    spec.name, spec.signature_name = name, signature
    if chance.random() < 0.2:
        spec.version.value = 1
    elif chance.random() < 0.2:
        spec.version_label = "stable"


_SEEDS: Final[tuple[tuple[str, Callable[[Random], Any], Any], ...]] = (
    (f"{_PREDICTION}Predict", _predict, predict_pb2.PredictResponse),
    (f"{_PREDICTION}Predict", _predict, predict_pb2.PredictResponse),
    (f"{_PREDICTION}Classify", _classify, classification_pb2.ClassificationResponse),
    (f"{_PREDICTION}Regress", _regress, regression_pb2.RegressionResponse),
    (f"{_PREDICTION}MultiInference", _infer, inference_pb2.MultiInferenceResponse),
    (f"{_PREDICTION}GetModelMetadata", _metadata, get_model_metadata_pb2.GetModelMetadataResponse),
    (f"{_MANAGEMENT}GetModelStatus", _status, get_model_status_pb2.GetModelStatusResponse),
)
