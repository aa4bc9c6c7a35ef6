"""TF Serving's gRPC messages."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from serving.client.wire import Array, Example, Exchange, Layout, Spec, TensorLayout, Value, VersionState
from serving.errors import Code
from serving.protos import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
    regression_pb2,
)
from serving.tensors import dtype_of, to_array, write

_PREDICTION: Final = "/tensorflow.serving.PredictionService"
_MODELS: Final = "/tensorflow.serving.ModelService"
_MAX_TENSOR_BYTES: Final = 1 << 31


class GrpcWire:
    """Requests and answers of PredictionService and ModelService."""

    def predict(
        self, spec: Spec, inputs: Mapping[str, Array], outputs: Sequence[str], layout: Layout
    ) -> Exchange[dict[str, Array]]:
        request = predict_pb2.PredictRequest(output_filter=outputs)
        _fill(request.model_spec, spec)
        for name, array in inputs.items():
            write(request.inputs[name], array, content=True)

        def parse(body: bytes) -> dict[str, Array]:
            response = predict_pb2.PredictResponse.FromString(body)
            return {name: to_array(proto, _MAX_TENSOR_BYTES) for name, proto in response.outputs.items()}

        return Exchange(f"{_PREDICTION}/Predict", request.SerializeToString(), parse)

    def classify(self, spec: Spec, examples: Sequence[Example]) -> Exchange[list[dict[str, float]]]:
        def parse(body: bytes) -> list[dict[str, float]]:
            result = classification_pb2.ClassificationResponse.FromString(body).result
            return [{found.label: found.score for found in one.classes} for one in result.classifications]

        request = _of_examples(classification_pb2.ClassificationRequest(), spec, examples)
        return Exchange(f"{_PREDICTION}/Classify", request, parse)

    def regress(self, spec: Spec, examples: Sequence[Example]) -> Exchange[list[float]]:
        def parse(body: bytes) -> list[float]:
            return [one.value for one in regression_pb2.RegressionResponse.FromString(body).result.regressions]

        request = _of_examples(regression_pb2.RegressionRequest(), spec, examples)
        return Exchange(f"{_PREDICTION}/Regress", request, parse)

    def signatures(self, spec: Spec) -> Exchange[dict[str, Layout]]:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        _fill(request.model_spec, spec)

        def parse(body: bytes) -> dict[str, Layout]:
            response = get_model_metadata_pb2.GetModelMetadataResponse.FromString(body)
            signatures = get_model_metadata_pb2.SignatureDefMap()
            response.metadata["signature_def"].Unpack(signatures)
            return {
                name: Layout(_layouts(signature.inputs), _layouts(signature.outputs))
                for name, signature in signatures.signature_def.items()
            }

        return Exchange(f"{_PREDICTION}/GetModelMetadata", request.SerializeToString(), parse)

    def status(self, spec: Spec) -> Exchange[list[VersionState]]:
        request = get_model_status_pb2.GetModelStatusRequest()
        _fill(request.model_spec, spec)

        def parse(body: bytes) -> list[VersionState]:
            response = get_model_status_pb2.GetModelStatusResponse.FromString(body)
            names = get_model_status_pb2.ModelVersionStatus.State
            return [
                VersionState(one.version, names.Name(one.state), Code(one.status.error_code), one.status.error_message)
                for one in response.model_version_status
            ]

        return Exchange(f"{_MODELS}/GetModelStatus", request.SerializeToString(), parse)


def _fill(message: Any, spec: Spec) -> None:
    message.name = spec.model
    if spec.version is not None:
        message.version.value = spec.version
    elif spec.label is not None:
        message.version_label = spec.label
    if spec.signature is not None:
        message.signature_name = spec.signature


def _of_examples(request: Any, spec: Spec, examples: Sequence[Example]) -> bytes:
    _fill(request.model_spec, spec)
    for example in examples:
        features = request.input.example_list.examples.add().features
        for name, value in example.items():
            _set(features.feature[name], value)
    return bytes(request.SerializeToString())


def _set(feature: Any, value: Value) -> None:
    values: list[Any] = [value] if isinstance(value, str | bytes | int | float | np.generic) else list(value)
    if all(isinstance(one, str | bytes) for one in values):
        feature.bytes_list.value.extend(one.encode() if isinstance(one, str) else one for one in values)
    elif all(isinstance(one, int | np.integer) for one in values):
        feature.int64_list.value.extend(int(one) for one in values)
    else:
        feature.float_list.value.extend(float(one) for one in values)


def _layouts(tensors: Mapping[str, Any]) -> dict[str, TensorLayout]:
    found = {}
    for name, tensor in tensors.items():
        dtype = dtype_of(tensor.dtype)
        if dtype is not None:
            found[name] = TensorLayout(dtype, tuple(dim.size for dim in tensor.tensor_shape.dim))
    return found
