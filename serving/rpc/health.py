"""grpc.health.v1: whether the server, its services and each of its models can be asked.

The empty name stands for the whole server: it serves once every model has a version that answers, and no more as soon
as the server is told to end, so that no new calls are sent to it while it answers those it has.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from grpc_health.v1 import health, health_pb2

if TYPE_CHECKING:
    import grpc

SERVICE: Final = health.SERVICE_NAME
_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    """What health checks are told.

    Args:
        services: full names of the services that go with the whole server.
    """

    def __init__(self, services: Iterable[str]) -> None:
        self._servicer = health.HealthServicer()
        self._services = ("", *services)
        self._told: dict[str, bool] = {}
        self._tell(dict.fromkeys(self._services, False))

    def add_to(self, server: "grpc.Server") -> None:
        """Puts the service on a server."""
        from grpc_health.v1 import health_pb2_grpc

        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    def tell(self, available: Mapping[str, bool]) -> None:
        """Says of each model whether a version of it answers; those that were named before and are gone do not."""
        ready = bool(available) and all(available.values())
        gone = dict.fromkeys(self._told.keys() - available.keys(), False)
        self._tell({**gone, **available, **dict.fromkeys(self._services, ready)})

    def end(self) -> None:
        """Says that nothing can be asked any more, for good."""
        self._servicer.enter_graceful_shutdown()

    def _tell(self, states: Mapping[str, bool]) -> None:
        for name, state in states.items():
            if self._told.get(name) != state:
                self._servicer.set(name, _SERVING if state else _NOT_SERVING)
        self._told = dict(states)
