"""TensorBoard on the runs of a pipeline: their losses and rates, pictures, graphs."""

import contextlib
import os
import socket
from pathlib import Path

from pipeline.logs import silenced
from schemas.errors import ConfigError


def launch_board(logs: Path, *, host: str, port: int | None) -> str:
    """Starts TensorBoard in threads of this process.

    Args:
        logs: folder of event files; it need not be there yet, and is looked at again and again.
        host: the address to listen on.
        port: unless given, the first that is free from 6006 on.

    Returns:
        its URL.

    Raises:
        ConfigError: the address is taken, or not this machine's.
    """
    _check_address(host, port or 0)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    given = [] if port is None else ["--port", str(port)]
    with silenced(), contextlib.redirect_stdout(None):
        from tensorboard import program

        _import_tensorflow()
        board = program.TensorBoard()
        board.configure(argv=["tensorboard", "--logdir", str(logs), "--host", host, "--reload_interval", "10", *given])
        try:
            return str(board.launch())
        except program.TensorBoardServerException as error:
            raise ConfigError(f"TensorBoard cannot listen on {host}: {error}. Give another `--port`.") from error


def _check_address(host: str, port: int) -> None:
    """TensorBoard's server would end the process without a word."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        raise ConfigError(
            "`--host` and `--port` must be an address of this machine that is free."
            f" Received: {host}:{port} ({error.strerror})"
        ) from error


def _import_tensorflow() -> None:
    """What TensorBoard would import when it is first asked for something, with more words."""
    from tensorboard.compat import tf

    assert tf.__version__
