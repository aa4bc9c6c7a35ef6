"""`python -m tests.benchmarks.echo asgi|grpc`: servers that only send back what they get; they print their port.

The rivals of the model server: a bare ASGI application under uvicorn with httptools and uvloop, and a gRPC method of
bytes on gRPC's own threads.
"""

import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Sends the body back."""
    body = (await receive())["body"]
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _asgi() -> None:
    import uvicorn

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(
        application, http="httptools", loop="uvloop", lifespan="off", ws="none", access_log=False, log_level="error"
    )
    uvicorn.Server(config).run(sockets=[listening])


def _grpc() -> None:
    import grpc

    server = grpc.server(ThreadPoolExecutor(8))
    handler = grpc.unary_unary_rpc_method_handler(lambda body, context: body)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echo.Echo", {"Echo": handler}),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    {"asgi": _asgi, "grpc": _grpc}[sys.argv[1]]()
