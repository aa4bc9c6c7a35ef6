"""The program of the candidate's own process: our model server on loopback, gRPC only, with one model.

    python -m components.infra.candidate MODELS_FOLDER NAME REQUEST_SECONDS

Prints the port on a line of its own, and ends with its standard input: not to outlive whoever has started it.
"""

import os
import sys
from pathlib import Path


def main(base: Path, name: str, request_seconds: float) -> None:
    """Serves until standard input ends."""
    from serving.model_folders import config_of_model
    from serving.options import ServerOptions
    from serving.server import ModelServer

    options = ServerOptions(
        model_config=config_of_model(base, name),
        port=0,
        rest_api_port=None,
        file_system_poll_wait_seconds=0,
        model_timeout_seconds=request_seconds,
    )
    server = ModelServer(options)
    server.start()
    print(server.port, flush=True)  # noqa: T201 - what the parent reads
    sys.stdin.buffer.read()
    os._exit(0)  # a model that hangs must not keep the process


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
