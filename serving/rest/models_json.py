"""Bodies of a model's status and metadata: TF Serving's messages as JSON."""

from collections.abc import Sequence
from typing import Any

from google.protobuf import json_format

from serving.interface import Servable, VersionStatus


def status_answer(statuses: Sequence[VersionStatus]) -> dict[str, Any]:
    """GetModelStatusResponse."""
    return {
        "model_version_status": [
            {
                "version": str(status.version),
                "state": status.state,
                "status": {"error_code": status.code.name, "error_message": status.message},
            }
            for status in statuses
        ]
    }


def metadata_answer(servable: Servable) -> dict[str, Any]:
    """GetModelMetadataResponse: what the model is, and its signatures."""
    signatures = {
        name: json_format.MessageToDict(
            definition, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        for name, definition in servable.meta_graph.signature_def.items()
    }
    return {
        "model_spec": {"name": servable.name, "signature_name": "", "version": str(servable.version)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }
