"""The model server: models, the fronts that ask them, and what watches over both."""

import gc
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from schemas.manifest import verify
from serving import metrics
from serving.access.audit import AuditLog
from serving.access.gate import Gate
from serving.calls import Listener
from serving.config_watch import ConfigWatch
from serving.errors import ServingError
from serving.interface import VersionStatus
from serving.metrics import Metrics
from serving.models.loader import Loader
from serving.models.manager import ModelManager
from serving.options import ServerOptions
from serving.request_log import RequestLog
from serving.rest.application import Limits, Page
from serving.rest.server import RestOptions, RestServer
from serving.rpc.server import RpcOptions, RpcServer
from serving.shadow import Shadow, ShadowCall
from serving.watcher import Watcher

_HEALTH_SECONDS: Final = 0.2
_LAME_DUCK_SECONDS: Final = 0.5
"""How long calls are still taken after the server said that it is not ready any more."""


_BATCHING_THREADS: Final = 64

_log = logging.getLogger(__name__)


class ModelServer:
    """Serves models over gRPC and REST.

    Args:
        options: what, where, and how much.

    Raises:
        ConfigError: a port is taken, or a file of keys or certificates is no good.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._options = options
        self._audit = AuditLog(options.audit_log) if options.audit_log else None
        self._request_log = RequestLog(options.request_log) if options.request_log else None
        self._metrics = Metrics(self._statuses) if options.metrics_path else None
        batch_of = self._metrics.batch_of if self._metrics else None
        watchers: list[Watcher] = [self._request_log] if self._request_log else []
        loader = Loader(self._verify, options.model_timeout_seconds, options.batching, batch_of, watchers)
        self._models = ModelManager(
            loader,
            options.file_system_poll_wait_seconds,
            labels_for_unavailable=options.allow_version_labels_for_unavailable_models,
            shadows=options.shadow_rate > 0,
        )
        self._shadow = None
        if options.shadow_rate > 0:
            tell = self._metrics.shadow_called if self._metrics else _tell_nobody
            self._shadow = Shadow(options.shadow_rate, self._models, tell)
            watchers.append(self._shadow)
        gate = Gate(options.keys, remote_admin=options.remote_admin)
        listeners: list[Listener] = [self._audit.write] if self._audit else []
        pages = dict[str, Page]()
        if self._metrics and options.metrics_path:
            listeners.append(self._metrics.call_ended)
            pages[options.metrics_path] = Page(self._metrics.exposition, metrics.CONTENT_TYPE)
        self._rpc = RpcServer(self._models, _rpc_options(options), gate, listeners)
        self._rest = None
        if options.rest_api_port is not None:
            self._rest = RestServer(self._models, _rest_options(options), gate, listeners, pages)
            self._rest.application.is_ready = self._is_ready
        self._watch = self._config_watch()
        self._over = threading.Event()
        self._health = threading.Thread(target=self._tell_health, name="health", daemon=True)

    @property
    def port(self) -> int:
        """Where gRPC listens."""
        return self._rpc.port

    @property
    def rest_api_port(self) -> int | None:
        """Where REST listens, if it does."""
        return self._rest.port if self._rest else None

    def start(self) -> None:
        """Takes calls from now on, and begins to load models. Until they are there, calls for them are UNAVAILABLE.

        Raises:
            ServingError: the configuration of models cannot be.
        """
        self._rpc.start()
        if self._rest:
            self._rest.start()
        try:
            self._models.start(self._options.model_config)
        except ServingError:
            self._stop_fronts(0)
            raise
        if self._watch:
            self._watch.start()
        self._health.start()

    def wait_until_loaded(self, seconds: float) -> bool:
        """Waits until no model is being loaded any more; whether each of them answers."""
        self._models.wait(seconds)
        gc.collect()
        gc.freeze()  # what is there now stays: it need not be looked through again and again
        return self._is_ready()

    def stop(self) -> None:
        """Says that it is not ready, answers what it was asked, and ends."""
        self._over.set()
        self._rpc.health.end()
        if self._watch:
            self._watch.stop()
        time.sleep(min(_LAME_DUCK_SECONDS, self._options.grace_seconds))
        self._stop_fronts(self._options.grace_seconds)
        if self._shadow:
            self._shadow.close()
        self._models.stop()
        if self._request_log:
            self._request_log.close()
        if self._audit:
            self._audit.close()

    def _stop_fronts(self, grace_seconds: float) -> None:
        stops = [threading.Thread(target=self._rpc.stop, args=(grace_seconds,))]
        if self._rest:
            stops.append(threading.Thread(target=self._rest.stop, args=(grace_seconds,)))
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()

    def _is_ready(self) -> bool:
        available = self._models.availability()
        return not self._over.is_set() and bool(available) and all(available.values())

    def _statuses(self) -> Mapping[str, Sequence[VersionStatus]]:
        return self._models.statuses()

    def _tell_health(self) -> None:
        while not self._over.wait(_HEALTH_SECONDS):
            self._rpc.health.tell(self._models.availability())

    def _verify(self, folder: Path) -> None:
        verify(folder, self._options.verify_key, required=self._options.require_manifest)

    def _config_watch(self) -> ConfigWatch | None:
        file, seconds = self._options.model_config_file, self._options.model_config_file_poll_wait_seconds
        if file is None or seconds <= 0:
            return None
        return ConfigWatch(file, self._models.apply, self._options.model_config, seconds)


def _tell_nobody(_: ShadowCall) -> None:
    """Where there are no metrics."""


def _rpc_options(options: ServerOptions) -> RpcOptions:
    return RpcOptions(
        host=options.host,
        port=options.port,
        threads=options.grpc_max_threads or (0 if options.batching is None else _BATCHING_THREADS),
        queue=options.max_queued_requests,
        max_message_bytes=options.max_body_bytes,
        tensor_content=options.tensor_content,
        tls=options.tls,
    )


def _rest_options(options: ServerOptions) -> RestOptions:
    assert options.rest_api_port is not None
    threads = options.rest_api_num_threads or _threads(options)
    limits = Limits(options.max_body_bytes, threads, options.max_queued_requests)
    return RestOptions(options.host, options.rest_api_port, limits, tls=options.tls)


def _threads(options: ServerOptions) -> int:
    """Calls that a front works on at once. Where calls are joined, most of them wait for others."""
    return max(8, 4 * (os.cpu_count() or 1)) if options.batching is None else _BATCHING_THREADS
