"""A gRPC server with all services on it."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import grpc
from grpc_reflection.v1alpha import reflection

from schemas.errors import ConfigError
from serving.access.gate import Gate
from serving.calls import Listener
from serving.interface import Models
from serving.rpc import health
from serving.rpc.calls import Desk
from serving.rpc.front import Front
from serving.rpc.inference import Inference
from serving.rpc.management import Management
from serving.rpc.prediction import Prediction
from serving.tls import Tls

_PREDICTION: Final = "tensorflow.serving.PredictionService"
_MANAGEMENT: Final = "tensorflow.serving.ModelService"
_THREADS: Final = 32
_WAITING: Final = 8
"""What requests that wait for a thread may weigh together, in times what one may."""
_TENSOR_BYTES: Final = 4
"""What a tensor may take in memory, in times a message's: a number of one byte on the wire may be eight wide."""


@dataclass(frozen=True)
class RpcOptions:
    """How a gRPC server listens and how much it takes.

    Args:
        host: the address to listen on.
        port: the port; 0 for one that is free.
        threads: calls that are answered at once; 0 for four for every core, but no less than 32.
        queue: calls that may wait for a thread, beyond which they fail with RESOURCE_EXHAUSTED.
        max_message_bytes: what a request may weigh.
        request_seconds: how long a client may take to send a request.
        tensor_content: whether Predict answers numbers as `tensor_content`.
        tls: the certificates; None for plain text.
    """

    host: str = "127.0.0.1"
    port: int = 8500
    threads: int = 0
    queue: int = 1024
    max_message_bytes: int = 64 << 20
    request_seconds: float = 30.0
    tensor_content: bool = False
    tls: Tls | None = None


class RpcServer:
    """TF Serving's gRPC services for models.

    Args:
        models: what is served.
        options: where to listen.
        gate: who may ask what.
        listeners: told of every call.

    Raises:
        ConfigError: the address cannot be listened on.
    """

    def __init__(
        self,
        models: Models,
        options: RpcOptions,
        gate: Gate,
        listeners: Sequence[Listener] = (),
    ) -> None:
        threads = options.threads or max(_THREADS, 4 * (os.cpu_count() or 1))
        self._server = grpc.server(
            ThreadPoolExecutor(_THREADS, "grpc-other"),
            maximum_concurrent_rpcs=_THREADS + options.queue,
            options=_channel_options(options),
        )
        prediction = Prediction(
            models,
            max_tensor_bytes=_TENSOR_BYTES * options.max_message_bytes,
            tensor_content=options.tensor_content,
        )
        desk = Desk(gate, listeners)
        methods = {
            **desk.methods(_PREDICTION, (*prediction.methods(), *Inference(models).methods())),
            **desk.methods(_MANAGEMENT, Management(models).methods()),
        }
        self._front = Front(
            self._server,
            methods,
            threads=threads,
            queue=options.queue,
            queue_bytes=_WAITING * options.max_message_bytes,
            request_seconds=options.request_seconds,
        )
        self.health = health.Health((_PREDICTION, _MANAGEMENT))
        self.health.add_to(self._server)
        names = (_PREDICTION, _MANAGEMENT, health.SERVICE, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server)
        self.port = _listen(self._server, options)

    def start(self) -> None:
        """Takes calls from now on."""
        self._server.start()
        self._front.start()

    def stop(self, grace_seconds: float) -> None:
        """Takes no calls any more, and returns once those in flight have ended or the time is over."""
        self.health.end()
        self._server.stop(grace_seconds).wait()
        self._front.stop()


def _channel_options(options: RpcOptions) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", options.max_message_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),  # a port that another server has must be refused, not shared
        ("grpc.max_metadata_size", 16 << 10),
        ("grpc.keepalive_time_ms", 60_000),  # half-open connections are found, and closed
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.server_handshake_timeout_ms", 20_000),
    ]


def _listen(server: grpc.Server, options: RpcOptions) -> int:
    host = f"[{options.host}]" if ":" in options.host else options.host
    address = f"{host}:{options.port}"
    try:
        if options.tls is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, options.tls.grpc_credentials())
    except RuntimeError as error:
        raise ConfigError(
            f"`--port` and `--host` must be an address that is free to listen on. Received: {address}"
        ) from error
