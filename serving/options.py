"""What a model server is told: which models, where to listen, and how much to take."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serving.batching.options import BatchingOptions
from serving.request_log import RequestLogOptions
from serving.tls import Tls


@dataclass(frozen=True)
class ServerOptions:
    """How a model server is set up, in TF Serving's names where it has one.

    Args:
        model_config: what is served at first, a ModelServerConfig.
        host: the address that both fronts listen on.
        port: of gRPC; 0 for one that is free.
        rest_api_port: of REST; 0 for one that is free, None for no REST.
        model_config_file: the file that `model_config` comes from; None if it comes from a folder.
        model_config_file_poll_wait_seconds: how often that file is read again; 0 for never.
        file_system_poll_wait_seconds: how often new versions are looked for; 0 for once.
        allow_version_labels_for_unavailable_models: whether a new label may name a version that is not loaded.
        batching: how calls are joined; None for each by itself.
        metrics_path: where REST shows metrics; None for nowhere.
        tls: certificates of both fronts; None for plain text.
        keys: the file of API keys; None lets everyone in.
        remote_admin: whether what is served may be changed from other machines.
        audit_log: the file in which calls are written down.
        request_log: which requests are written down, and where; None for none.
        shadow_rate: how often a second a version with the label `shadow` is asked what clients ask; 0 for never.
        verify_key: what the manifests of models must be signed with; None for no signature.
        require_manifest: whether models without a manifest are refused.
        model_timeout_seconds: how long a model may take for a call.
        max_body_bytes: what a request may weigh, on both fronts.
        max_queued_requests: calls that may wait for a thread, on each front.
        grpc_max_threads: gRPC calls that are answered at once; 0 for a number that suits the machine.
        rest_api_num_threads: REST requests that are computed at once; 0 for a number that suits the machine.
        tensor_content: whether gRPC answers numbers as `tensor_content`.
        grace_seconds: how long requests in flight may take once the server is told to end.
    """

    model_config: Any
    host: str = "127.0.0.1"
    port: int = 8500
    rest_api_port: int | None = 8501
    model_config_file: Path | None = None
    model_config_file_poll_wait_seconds: float = 0.0
    file_system_poll_wait_seconds: float = 1.0
    allow_version_labels_for_unavailable_models: bool = False
    batching: BatchingOptions | None = None
    metrics_path: str | None = None
    tls: Tls | None = None
    keys: Path | None = None
    remote_admin: bool = False
    audit_log: Path | None = None
    request_log: RequestLogOptions | None = None
    shadow_rate: float = 0.0
    verify_key: bytes | None = field(default=None, repr=False)
    require_manifest: bool = False
    model_timeout_seconds: float = 60.0
    max_body_bytes: int = 64 << 20
    max_queued_requests: int = 1024
    grpc_max_threads: int = 0
    rest_api_num_threads: int = 0
    tensor_content: bool = False
    grace_seconds: float = 30.0
