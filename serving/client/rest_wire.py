"""TF Serving's REST API: bodies in JSON, https://www.tensorflow.org/tfx/serving/api_rest."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import numpy as np

from serving.client.wire import Array, Example, Exchange, Layout, Spec, TensorLayout, Value, VersionState
from serving.errors import Code, ServingError
from serving.protos import types_pb2
from serving.tensors import dtype_of

_BASE64: Final = "b64"


class RestWire:
    """Requests and answers of the REST API."""

    def predict(
        self, spec: Spec, inputs: Mapping[str, Array], outputs: Sequence[str], layout: Layout
    ) -> Exchange[dict[str, Array]]:
        body = {"inputs": {name: _jsonable(array) for name, array in inputs.items()}}

        def parse(answer: bytes) -> dict[str, Array]:
            found = _parsed(answer)["outputs"]
            if len(layout.outputs) == 1:  # then it is not named
                found = {next(iter(layout.outputs)): found}
            return {name: _array(found[name], layout.outputs.get(name)) for name in outputs or found}

        return Exchange(f"POST {_path(spec)}:predict", _dumped(body, spec), parse)

    def classify(self, spec: Spec, examples: Sequence[Example]) -> Exchange[list[dict[str, float]]]:
        def parse(answer: bytes) -> list[dict[str, float]]:
            return [dict(pairs) for pairs in _parsed(answer)["results"]]

        return Exchange(f"POST {_path(spec)}:classify", _dumped(_of_examples(examples), spec), parse)

    def regress(self, spec: Spec, examples: Sequence[Example]) -> Exchange[list[float]]:
        def parse(answer: bytes) -> list[float]:
            return [float(value) for value in _parsed(answer)["results"]]

        return Exchange(f"POST {_path(spec)}:regress", _dumped(_of_examples(examples), spec), parse)

    def signatures(self, spec: Spec) -> Exchange[dict[str, Layout]]:
        def parse(answer: bytes) -> dict[str, Layout]:
            signatures = _parsed(answer)["metadata"]["signature_def"]["signature_def"]
            return {
                name: Layout(_layouts(signature.get("inputs", {})), _layouts(signature.get("outputs", {})))
                for name, signature in signatures.items()
            }

        return Exchange(f"GET {_path(spec)}/metadata", b"", parse)

    def status(self, spec: Spec) -> Exchange[list[VersionState]]:
        def parse(answer: bytes) -> list[VersionState]:
            return [
                VersionState(
                    int(one["version"]), one["state"], Code[one["status"]["error_code"]], one["status"]["error_message"]
                )
                for one in _parsed(answer)["model_version_status"]
            ]

        return Exchange(f"GET {_path(spec)}", b"", parse)


def _path(spec: Spec) -> str:
    path = f"/v1/models/{quote(spec.model, safe='')}"
    if spec.version is not None:
        return f"{path}/versions/{spec.version}"
    return path if spec.label is None else f"{path}/labels/{quote(spec.label, safe='')}"


def _dumped(body: dict[str, Any], spec: Spec) -> bytes:
    if spec.signature is not None:
        body["signature_name"] = spec.signature
    return json.dumps(body).encode()  # with NaN and Infinity, which the API takes


def _parsed(answer: bytes) -> Any:
    try:
        return json.loads(answer)
    except ValueError as error:
        raise ServingError(Code.INTERNAL, f"The server's answer is no JSON: {answer[:80]!r}") from error


def _jsonable(array: Array) -> Any:
    return _each(array.tolist(), _string) if array.dtype.hasobject else array.tolist()


def _string(value: bytes) -> str | dict[str, str]:
    """Text as it is; what is not UTF-8 as base64."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {_BASE64: base64.b64encode(value).decode()}


def _array(value: Any, layout: TensorLayout | None) -> Array:
    dtype = None if layout is None else layout.dtype
    if dtype is None or not dtype.hasobject:
        return np.asarray(value, dtype)
    given = np.array(_each(value, _bytes), object)
    return given.reshape((0,) * max(1, len(layout.shape))) if layout and not given.size else given


def _bytes(value: Any) -> bytes:
    return base64.b64decode(value[_BASE64]) if isinstance(value, dict) else str(value).encode()


def _each(value: Any, change: Any) -> Any:
    return [_each(one, change) for one in value] if isinstance(value, list) else change(value)


def _of_examples(examples: Sequence[Example]) -> dict[str, Any]:
    return {"examples": [{name: _feature(value) for name, value in example.items()} for example in examples]}


def _feature(value: Value) -> Any:
    if isinstance(value, str | bytes | int | float | np.generic):
        return _scalar(value)
    return [_scalar(one) for one in value]


def _scalar(value: Any) -> Any:
    if isinstance(value, bytes):
        return _string(value)
    return value.item() if isinstance(value, np.generic) else value


def _layouts(tensors: Mapping[str, Any]) -> dict[str, TensorLayout]:
    found = {}
    for name, tensor in tensors.items():
        dtype = dtype_of(types_pb2.DataType.Value(tensor["dtype"]))
        if dtype is not None:
            sizes = tensor.get("tensor_shape", {}).get("dim", ())
            found[name] = TensorLayout(dtype, tuple(int(one["size"]) for one in sizes))
    return found
