"""PredictionService's Predict and GetModelMetadata: outputs for inputs, and what a model takes and gives.

Codes and conditions are those of TF Serving's servables/tensorflow/{predict_util,get_model_metadata_impl}.cc.
"""

from collections.abc import Mapping
from typing import Any, Final

from serving.calls import Call
from serving.errors import Code, ServingError
from serving.interface import Array, Models
from serving.protos import get_model_metadata_pb2, predict_pb2
from serving.rpc.calls import Method
from serving.rpc.specs import acquired, describe, signature_of, spec_of
from serving.tensors import TensorError, to_array, write
from serving.turns import step_aside

_SIGNATURE_DEF: Final = "signature_def"


class Prediction:
    """Answers from the signatures of the models that are served.

    Args:
        models: what is served.
        max_tensor_bytes: what an input may take in memory.
        tensor_content: whether numbers are answered as `tensor_content` instead of the field of their type.
    """

    def __init__(self, models: Models, *, max_tensor_bytes: int, tensor_content: bool = False) -> None:
        self._models, self._max_tensor_bytes, self._tensor_content = models, max_tensor_bytes, tensor_content

    def methods(self) -> tuple[Method, ...]:
        """What the service offers."""
        return (
            Method("Predict", "predict", predict_pb2.PredictRequest, self.predict),
            Method("GetModelMetadata", "predict", get_model_metadata_pb2.GetModelMetadataRequest, self.metadata),
        )

    def predict(self, request: Any, call: Call) -> Any:
        """Outputs of a signature, by alias."""
        spec, response = spec_of(request), predict_pb2.PredictResponse()
        signature = signature_of(spec)
        with acquired(self._models, spec, call) as servable:
            describe(response.model_spec, servable, call, signature)
            inputs = self._inputs(request.inputs)
            if not servable.is_quick(signature):
                step_aside()
            outputs = servable.predict(signature, inputs, request.output_filter)
        for alias, array in outputs.items():
            write(response.outputs[alias], array, content=self._tensor_content)
        return response

    def metadata(self, request: Any, call: Call) -> Any:
        """The signatures of a model."""
        spec = spec_of(request)
        if not request.metadata_field:
            raise ServingError(
                Code.INVALID_ARGUMENT, "GetModelMetadataRequest must specify at least one metadata_field"
            )
        for field in request.metadata_field:
            if field != _SIGNATURE_DEF:
                raise ServingError(Code.INVALID_ARGUMENT, f"Metadata field {field} is not supported")
        response, signatures = (
            get_model_metadata_pb2.GetModelMetadataResponse(),
            get_model_metadata_pb2.SignatureDefMap(),
        )
        with acquired(self._models, spec, call) as servable:
            for name, signature in servable.meta_graph.signature_def.items():
                signatures.signature_def[name].CopyFrom(signature)
            describe(response.model_spec, servable, call)
        response.metadata[_SIGNATURE_DEF].Pack(signatures)
        return response

    def _inputs(self, protos: Mapping[str, Any]) -> dict[str, Array]:
        inputs = dict[str, Array]()
        for alias in protos:  # a message's map has slow `items`
            try:
                inputs[alias] = to_array(protos[alias], self._max_tensor_bytes)
            except TensorError as error:
                raise ServingError(Code.INVALID_ARGUMENT, f"tensor parsing error: {alias}: {error}") from error
        return inputs
