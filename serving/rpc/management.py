"""tensorflow.serving.ModelService: where the versions of models stand, and which models are served.

Codes and conditions are those of TF Serving's model_servers/{get_model_status_impl,model_service_impl}.cc.
"""

from typing import Any

from serving.calls import Call
from serving.errors import Code, ServingError
from serving.interface import Models
from serving.protos import get_model_status_pb2, model_management_pb2
from serving.rpc.calls import Method
from serving.rpc.specs import spec_of
from serving.turns import step_aside


class Management:
    """Tells and changes what is served."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def methods(self) -> tuple[Method, ...]:
        """What the service offers."""
        return (
            Method("GetModelStatus", "predict", get_model_status_pb2.GetModelStatusRequest, self.status),
            Method("HandleReloadConfigRequest", "admin", model_management_pb2.ReloadConfigRequest, self.reload),
        )

    def status(self, request: Any, call: Call) -> Any:
        """State and health of a version, or of all versions that were ever seen."""
        spec = spec_of(request)
        call.model = spec.name
        version = spec.version.value if spec.WhichOneof("version_choice") == "version" else None
        response = get_model_status_pb2.GetModelStatusResponse()
        for found in self._models.status(spec.name, version):
            told = response.model_version_status.add(version=found.version)
            told.state = get_model_status_pb2.ModelVersionStatus.State.Value(found.state)
            told.status.error_code = found.code
            told.status.error_message = found.message
        return response

    def reload(self, request: Any, call: Call) -> Any:
        """Serves what a configuration says from now on, or fails and leaves all as it was."""
        if request.config.WhichOneof("config") != "model_config_list":
            raise ServingError(
                Code.INVALID_ARGUMENT,
                "ServerModelConfig type not supported by HandleReloadConfigRequest."
                " Only ModelConfigList is currently supported",
            )
        step_aside()
        self._models.apply(request.config)
        response = model_management_pb2.ReloadConfigResponse()
        response.status.error_code = Code.OK
        return response
