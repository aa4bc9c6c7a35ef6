"""`python -m tests.benchmarks.load http|grpc PORT PATH_OR_METHOD`: closed-loop clients, and what they saw, as JSON.

Every client sends the body from standard input, waits for the answer, and sends it again.
"""

import argparse
import asyncio
import json
import statistics
import sys
import time

import uvloop


def main() -> None:
    """Prints requests a second, quantiles of the latency in milliseconds, and failures."""
    options = _arguments()
    body = sys.stdin.buffer.read()
    run = _http if options.protocol == "http" else _grpc
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if options.protocol == "http" else None) as runner:
        latencies, failures, seconds = runner.run(run(options, body))
    cuts = statistics.quantiles(latencies, n=1000)
    told = {"rate": len(latencies) / seconds, "p50": 1e3 * cuts[499], "p99": 1e3 * cuts[989], "failures": failures}
    print(json.dumps(told))


class _HttpClient(asyncio.Protocol):
    """A keep-alive connection that asks again as soon as it is answered."""

    def __init__(self, request: bytes, until: float, latencies: list[float], failures: list[int]) -> None:
        self._request, self._until = request, until
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
        self._transport.write(self._request)


async def _http(options: argparse.Namespace, body: bytes) -> tuple[list[float], int, float]:
    head = f"POST {options.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    latencies, failures = list[float](), [0]
    loop, start = asyncio.get_running_loop(), time.perf_counter()

    async def client() -> None:
        _, protocol = await loop.create_connection(
            lambda: _HttpClient(head + body, start + options.seconds, latencies, failures), "127.0.0.1", options.port
        )
        await protocol.over

    await asyncio.gather(*(client() for _ in range(options.clients)))
    return latencies, failures[0], time.perf_counter() - start


async def _grpc(options: argparse.Namespace, body: bytes) -> tuple[list[float], int, float]:
    import grpc

    latencies, failures = list[float](), 0
    start = time.perf_counter()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{options.port}") as channel:
        call = channel.unary_unary(options.path)

        async def client() -> int:
            failed = 0
            while (sent := time.perf_counter()) < start + options.seconds:
                try:
                    await call(body)
                except grpc.RpcError:
                    failed += 1
                latencies.append(time.perf_counter() - sent)
            return failed

        failures = sum(await asyncio.gather(*(client() for _ in range(options.clients))))
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
