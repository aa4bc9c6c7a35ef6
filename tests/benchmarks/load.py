"""`python -m tests.benchmarks.load http|grpc PORT PATH_OR_METHOD`: closed-loop clients, and what they saw, as JSON.

Every client sends a body, waits for the answer, and sends the next: standard input has them, each after its length.
"""

import argparse
import asyncio
import json
import statistics
import struct
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from typing import Final

import uvloop

_LENGTH: Final = struct.Struct("<I")


def main() -> None:
    """Prints requests a second, quantiles of the latency in milliseconds, and failures."""
    options = _arguments()
    bodies = list(_unframed(sys.stdin.buffer.read()))
    run = _http if options.protocol == "http" else _grpc
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if options.protocol == "http" else None) as runner:
        latencies, failures, seconds = runner.run(run(options, bodies))
    cuts = statistics.quantiles(latencies, n=1000)
    told = {"rate": len(latencies) / seconds, "p50": 1e3 * cuts[499], "p99": 1e3 * cuts[989], "failures": failures}
    print(json.dumps(told))


def framed(bodies: Iterable[bytes]) -> bytes:
    """What standard input is to have."""
    return b"".join(_LENGTH.pack(len(body)) + body for body in bodies)


def _unframed(data: bytes) -> Iterator[bytes]:
    while data:
        (length,) = _LENGTH.unpack_from(data)
        yield data[_LENGTH.size : _LENGTH.size + length]
        data = data[_LENGTH.size + length :]


def _shares(messages: list[bytes], clients: int) -> list[Iterator[bytes]]:
    """What each client sends, for ever: every so many-th message, so that together they send them in turn."""
    return [islice(cycle(messages), first, None, clients) for first in range(clients)]


class _HttpClient(asyncio.Protocol):
    """A keep-alive connection that asks again as soon as it is answered."""

    def __init__(self, requests: Iterator[bytes], until: float, latencies: list[float], failures: list[int]) -> None:
        self._requests, self._until = requests, until
        self._latencies, self._failures = latencies, failures
        self.over = asyncio.get_running_loop().create_future()
        self._received, self._length, self._sent = b"", -1, 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._length < 0 and (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            start = head.index(b"content-length:") + 15
            self._length = end + 4 + int(head[start : head.find(b"\r", start) if b"\r" in head[start:] else None])
        if len(self._received) == self._length:
            now = time.perf_counter()
            self._latencies.append(now - self._sent)
            if not self._received.startswith(b"HTTP/1.1 200"):
                self._failures[0] += 1
            if now < self._until:
                self._send()
            else:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._length != len(self._received):
            self._failures[0] += 1
        if not self.over.done():
            self.over.set_result(None)

    def _send(self) -> None:
        self._received, self._length, self._sent = b"", -1, time.perf_counter()
        self._transport.write(next(self._requests))


async def _http(options: argparse.Namespace, bodies: list[bytes]) -> tuple[list[float], int, float]:
    head = f"POST {options.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: "
    requests = [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]
    latencies, failures = list[float](), [0]
    loop, start = asyncio.get_running_loop(), time.perf_counter()

    async def client(share: Iterator[bytes]) -> None:
        _, protocol = await loop.create_connection(
            lambda: _HttpClient(share, start + options.seconds, latencies, failures), "127.0.0.1", options.port
        )
        await protocol.over

    await asyncio.gather(*map(client, _shares(requests, options.clients)))
    return latencies, failures[0], time.perf_counter() - start


async def _grpc(options: argparse.Namespace, bodies: list[bytes]) -> tuple[list[float], int, float]:
    import grpc

    latencies, failures = list[float](), 0
    start = time.perf_counter()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{options.port}") as channel:
        call = channel.unary_unary(options.path)

        async def client(share: Iterator[bytes]) -> int:
            failed = 0
            while (sent := time.perf_counter()) < start + options.seconds:
                try:
                    await call(next(share))
                except grpc.RpcError:
                    failed += 1
                latencies.append(time.perf_counter() - sent)
            return failed

        failures = sum(await asyncio.gather(*map(client, _shares(bodies, options.clients))))
    return latencies, failures, time.perf_counter() - start


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("protocol", choices=("http", "grpc"))
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
