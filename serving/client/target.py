"""Where a server is, and how it is spoken to."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

Scheme = Literal["grpc", "grpcs", "http", "https"]
_PORTS: Final[dict[Scheme, int]] = {"grpc": 8500, "grpcs": 8500, "http": 8501, "https": 8501}


@dataclass(frozen=True)
class Tls:
    """Certificates of a client, PEM files.

    Args:
        authority: whose certificate the server must have; None for the system's authorities.
        certificate: the client's own, where a server asks for one.
        key: its private key.
    """

    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class Target:
    """A server.

    Args:
        scheme: `grpc` or `http`, or with an `s` over TLS.
        host: its name or address.
        port: its port.
        key: an API key; it travels as `authorization: Bearer KEY`.
        tls: the certificates, for the schemes with an `s`.
    """

    scheme: Scheme
    host: str
    port: int
    key: str | None = field(default=None, repr=False)
    tls: Tls = Tls()

    @property
    def is_grpc(self) -> bool:
        """Whether it is spoken to by gRPC; else by REST."""
        return self.scheme.startswith("grpc")

    @property
    def secure(self) -> bool:
        """Whether it is spoken to over TLS."""
        return self.scheme.endswith("s")

    @property
    def address(self) -> str:
        """`host:port`, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, url: str, key: str | None = None, tls: Tls | None = None) -> "Target":
        """A server from `grpc://host:8500`, `https://host:8501` and the like.

        Raises:
            ValueError: the URL has another scheme, no host, or more than scheme, host and port.
        """
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
            raise ValueError(
                f"`url` must be grpc://HOST:PORT or http://HOST:PORT, or with grpcs or https. Received: {url}"
            )
        scheme: Scheme = parts.scheme  # type: ignore[assignment]
        return cls(scheme, parts.hostname, parts.port or _PORTS[scheme], key, tls or Tls())
