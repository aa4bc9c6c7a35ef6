"""The clients: synchronous, and for asyncio."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self, TypeVar

from serving.client import channels
from serving.client.grpc_wire import GrpcWire
from serving.client.http_channels import AsyncHttpChannel, HttpChannel
from serving.client.rest_wire import RestWire
from serving.client.retries import Attempts, Retries
from serving.client.target import Target, Tls
from serving.client.values import as_input, as_strings
from serving.client.wire import Array, Example, Exchange, Layout, Spec, VersionState, Wire
from serving.errors import ServingError

T = TypeVar("T")

_DEFAULT: Final = "serving_default"
_NOTHING: Final = Layout({}, {})
_KNOWN_SECONDS: Final = 60.0


class _Layouts:
    """Signatures that a client has seen, so that values are converted without asking each time.

    They are forgotten after a while, for a version with others may have come.
    """

    def __init__(self) -> None:
        self._known: dict[Spec, tuple[float, dict[str, Layout]]] = {}

    def of(self, spec: Spec) -> Layout | None:
        seen, layouts = self._known.get(_model(spec), (0.0, None))
        if layouts is None or time.monotonic() - seen > _KNOWN_SECONDS:
            return None
        return layouts.get(spec.signature or _DEFAULT, _NOTHING)

    def learn(self, spec: Spec, layouts: dict[str, Layout]) -> Layout:
        self._known[_model(spec)] = time.monotonic(), layouts
        return layouts.get(spec.signature or _DEFAULT, _NOTHING)


def _model(spec: Spec) -> Spec:
    return Spec(spec.model, spec.version, spec.label)


class _Base(ABC):
    """What both clients have: where the server is, how calls are written, and how long they may take.

    Args:
        url: `grpc://HOST:8500` or `http://HOST:8501`; over TLS, `grpcs` or `https`.
        timeout: seconds that a call may take, with all its attempts; a call may say otherwise.
        key: an API key.
        tls: certificates, where TLS needs others than the system's.
        retries: how often and how fast a call is tried again that found no server, or too much traffic.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 10.0,
        key: str | None = None,
        tls: Tls | None = None,
        retries: Retries | None = None,
    ) -> None:
        self._timeout, self._retries = timeout, retries or Retries()
        self._layouts = _Layouts()
        target = Target.parse(url, key, tls)
        self._wire: Wire = GrpcWire() if target.is_grpc else RestWire()
        self._open(target)

    @abstractmethod
    def _open(self, target: Target) -> None:
        """Makes the channel."""

    def _attempts(self, timeout: float | None) -> Attempts:
        return Attempts(self._retries, self._timeout if timeout is None else timeout)

    def _predict(
        self, spec: Spec, inputs: Mapping[str, Any], outputs: Sequence[str], layout: Layout
    ) -> Exchange[dict[str, Array]]:
        arrays = {name: as_input(name, value, layout.inputs.get(name)) for name, value in inputs.items()}
        return self._wire.predict(spec, arrays, outputs, layout)


class Client(_Base):
    """A client that waits for its answers. It may be used from several threads, and as a context manager."""

    def _open(self, target: Target) -> None:
        self._channel: channels.Channel = channels.GrpcChannel(target) if target.is_grpc else HttpChannel(target)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._channel.close()

    def predict(
        self,
        model: str | Spec,
        inputs: Mapping[str, Any],
        *,
        outputs: Sequence[str] = (),
        timeout: float | None = None,
    ) -> dict[str, Array]:
        """Outputs of a signature, by name; strings as `str`.

        Args:
            model: a model's name, or a Spec to say which version and signature.
            inputs: by name: arrays, or Python's values, which are converted to the type that the model takes.
            outputs: names of those that are wanted; all, if there are none.
            timeout: seconds; None for the client's own.

        Raises:
            ServingError: the server's answer, or that it was not reached in time.
            ValueError: an input does not fit the model.
        """
        attempts, spec = self._attempts(timeout), _spec(model)
        layout = self._layouts.of(spec)
        if layout is None:
            layout = self._layouts.learn(spec, self._sent(self._wire.signatures(spec), attempts))
        answer = self._sent(self._predict(spec, inputs, outputs, layout), attempts)
        return {name: as_strings(array) for name, array in answer.items()}

    def classify(
        self, model: str | Spec, examples: Sequence[Example], *, timeout: float | None = None
    ) -> list[dict[str, float]]:
        """Label to score, of each example."""
        return self._sent(self._wire.classify(_spec(model), examples), self._attempts(timeout))

    def regress(self, model: str | Spec, examples: Sequence[Example], *, timeout: float | None = None) -> list[float]:
        """A value of each example."""
        return self._sent(self._wire.regress(_spec(model), examples), self._attempts(timeout))

    def signatures(self, model: str | Spec, *, timeout: float | None = None) -> dict[str, Layout]:
        """What the model takes and gives, by signature."""
        return self._sent(self._wire.signatures(_spec(model)), self._attempts(timeout))

    def status(self, model: str | Spec, *, timeout: float | None = None) -> list[VersionState]:
        """Where the model's versions stand."""
        return self._sent(self._wire.status(_spec(model)), self._attempts(timeout))

    def _sent(self, exchange: Exchange[T], attempts: Attempts) -> T:
        while True:
            try:
                return exchange.parse(self._channel.send(exchange.method, exchange.body, attempts.seconds_left))
            except ServingError as error:
                time.sleep(attempts.pause(error))


class AsyncClient(_Base):
    """A client for asyncio, with the methods of Client, to be awaited."""

    def _open(self, target: Target) -> None:
        kind = channels.AsyncGrpcChannel if target.is_grpc else AsyncHttpChannel
        self._channel: channels.AsyncChannel = kind(target)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection."""
        await self._channel.close()

    async def predict(
        self,
        model: str | Spec,
        inputs: Mapping[str, Any],
        *,
        outputs: Sequence[str] = (),
        timeout: float | None = None,
    ) -> dict[str, Array]:
        """Outputs of a signature, by name; see Client."""
        attempts, spec = self._attempts(timeout), _spec(model)
        layout = self._layouts.of(spec)
        if layout is None:
            layout = self._layouts.learn(spec, await self._sent(self._wire.signatures(spec), attempts))
        answer = await self._sent(self._predict(spec, inputs, outputs, layout), attempts)
        return {name: as_strings(array) for name, array in answer.items()}

    async def classify(
        self, model: str | Spec, examples: Sequence[Example], *, timeout: float | None = None
    ) -> list[dict[str, float]]:
        """Label to score, of each example."""
        return await self._sent(self._wire.classify(_spec(model), examples), self._attempts(timeout))

    async def regress(
        self, model: str | Spec, examples: Sequence[Example], *, timeout: float | None = None
    ) -> list[float]:
        """A value of each example."""
        return await self._sent(self._wire.regress(_spec(model), examples), self._attempts(timeout))

    async def signatures(self, model: str | Spec, *, timeout: float | None = None) -> dict[str, Layout]:
        """What the model takes and gives, by signature."""
        return await self._sent(self._wire.signatures(_spec(model)), self._attempts(timeout))

    async def status(self, model: str | Spec, *, timeout: float | None = None) -> list[VersionState]:
        """Where the model's versions stand."""
        return await self._sent(self._wire.status(_spec(model)), self._attempts(timeout))

    async def _sent(self, exchange: Exchange[T], attempts: Attempts) -> T:
        while True:
            try:
                answer = await self._channel.send(exchange.method, exchange.body, attempts.seconds_left)
                return exchange.parse(answer)
            except ServingError as error:
                await asyncio.sleep(attempts.pause(error))


def _spec(model: str | Spec) -> Spec:
    return Spec(model) if isinstance(model, str) else model
