"""An HTTP server with the REST front on it, in a thread of its own."""

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import uvicorn
import uvloop

from schemas.errors import ConfigError
from serving.access.gate import Gate
from serving.calls import Listener
from serving.interface import Models
from serving.rest.application import Application, Limits, Page
from serving.rest.connections import Connection
from serving.tls import Tls

logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # whoever sends garbage must not fill the log

_BACKLOG: Final = 2048
_SWEEPS: Final = 4
"""How often connections are looked through while one may wait, or be idle."""


@dataclass(frozen=True)
class RestOptions:
    """How a REST server listens and how much it takes.

    Args:
        host: the address to listen on.
        port: the port; 0 for one that is free.
        limits: how much it takes.
        request_seconds: how long a client may take to send a request.
        keep_alive_seconds: how long a connection is kept when it was answered and sends nothing more; it may be a
            little longer.
        tls: the certificates; None for plain text.
    """

    host: str = "127.0.0.1"
    port: int = 8501
    limits: Limits = field(default_factory=Limits)
    request_seconds: float = 30.0
    keep_alive_seconds: int = 75
    tls: Tls | None = None


class RestServer:
    """TF Serving's REST API for models.

    Args:
        models: what is served.
        options: where to listen.
        gate: who may ask what.
        listeners: told of every call.
        pages: path to page, such as the metrics.

    Raises:
        ConfigError: the address cannot be listened on.
    """

    def __init__(
        self,
        models: Models,
        options: RestOptions,
        gate: Gate,
        listeners: Sequence[Listener] = (),
        pages: Mapping[str, Page] | None = None,
    ) -> None:
        self.application = Application(models, gate, listeners, options.limits, pages)
        self._options = options
        self._socket = _listening(options)
        self.port: int = self._socket.getsockname()[1]
        self._server = uvicorn.Server(self._config())
        self._thread = threading.Thread(target=self._run, name="rest", daemon=True)

    def start(self) -> None:
        """Takes requests from now on."""
        self._thread.start()

    def stop(self, grace_seconds: float) -> None:
        """Takes no requests any more, and returns once those in flight have ended or the time is over."""
        self.application.is_ready = lambda: False
        if self._thread.is_alive():
            self._server.config.timeout_graceful_shutdown = max(1, round(grace_seconds))
            self._server.should_exit = True
            self._thread.join(grace_seconds + 5)
        self.application.close()
        self._socket.close()

    def _config(self) -> uvicorn.Config:
        config = uvicorn.Config(
            self.application,
            http=Connection,
            loop="none",
            lifespan="off",
            ws="none",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=self._options.keep_alive_seconds,
        )
        config.load()
        if self._options.tls is not None:
            config.ssl = self._options.tls.context()
        return config

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        sweeper = asyncio.create_task(self._sweep())
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweeper

    async def _sweep(self) -> None:
        """Cuts off those who take too long to send a request, or send none any more."""
        seconds = self._options.request_seconds
        while True:
            await asyncio.sleep(min(seconds, self._options.keep_alive_seconds) / _SWEEPS)
            now = time.monotonic()
            connections: list[Any] = list(self._server.server_state.connections)
            for connection in connections:
                connection.cut_if_waiting(seconds, now)


def _listening(options: RestOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((options.host, options.port))
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise ConfigError(
            "`--rest_api_port` and `--host` must be an address that is free to listen on."
            f" Received: {options.host}:{options.port} ({error.strerror})"
        ) from error
    return listening
