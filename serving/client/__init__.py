"""A client of model servers that speak TF Serving's protocols: gRPC and REST, synchronous and asyncio.

    from serving.client import Client

    with Client("grpc://127.0.0.1:8500") as client:
        client.predict("reuters-r8", {"text": ["shr loss vs profit"]})["label"]

`AsyncClient` has the same methods, to be awaited. Calls that fail raise ServingError with gRPC's code.
"""

from serving.client.client import AsyncClient, Client
from serving.client.retries import Retries
from serving.client.target import Target, Tls
from serving.client.wire import Layout, Spec, TensorLayout, VersionState
from serving.errors import Code, ServingError

__all__ = [
    "AsyncClient",
    "Client",
    "Code",
    "Layout",
    "Retries",
    "ServingError",
    "Spec",
    "Target",
    "TensorLayout",
    "Tls",
    "VersionState",
]
