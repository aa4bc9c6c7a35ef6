"""TLS and mutual TLS for both fronts, from TF Serving's SSLConfig."""

import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.errors import ConfigError
from serving import config_files

if TYPE_CHECKING:
    import grpc

_FLAG = "--ssl_config_file"


@dataclass(frozen=True)
class Tls:
    """A server's certificate, and whom it asks for theirs. Each is PEM, as bytes.

    Args:
        key: the private key.
        certificate: the server's certificate, with those between it and the authority.
        authority: whose certificates clients must have; None for the system's.
        verify_client: whether a client must show a certificate.
    """

    key: bytes = field(repr=False)
    certificate: bytes
    authority: bytes | None = None
    verify_client: bool = False

    @classmethod
    def load(cls, path: Path) -> "Tls":
        """Reads an SSLConfig message as text, and tries it.

        Raises:
            ConfigError: the file is not such a message, or key and certificates are not good.
        """
        message = config_files.read(path, config_files.SSLConfig, _FLAG)
        if not message.server_key or not message.server_cert:
            raise ConfigError(f"`{_FLAG}` must have `server_key` and `server_cert`, each as PEM. Received: {path}")
        if message.client_verify and not message.custom_ca:
            raise ConfigError(
                f"`{_FLAG}` must have `custom_ca`, whose certificates clients show, if it has `client_verify`."
                f" Received: {path}"
            )
        tls = cls(
            key=message.server_key.encode(),
            certificate=message.server_cert.encode(),
            authority=message.custom_ca.encode() or None,
            verify_client=message.client_verify,
        )
        try:
            tls.context()
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError(
                f"`{_FLAG}` must have a key, its certificate and a `custom_ca` that go together. Received: {path}:"
                f" {error}"
            ) from error
        return tls

    def context(self) -> ssl.SSLContext:
        """What an HTTP server needs: TLS 1.2 or later."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with tempfile.TemporaryDirectory(prefix="trainworks-") as folder:  # readable for its owner alone
            chain = Path(folder) / "chain.pem"
            chain.write_bytes(self.key.rstrip() + b"\n" + self.certificate)
            context.load_cert_chain(chain, password=_refuse_password)
        if self.verify_client:
            assert self.authority is not None
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.authority.decode("ascii"))
        return context

    def grpc_credentials(self) -> "grpc.ServerCredentials":
        """What a gRPC server needs."""
        import grpc

        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)],
            root_certificates=self.authority if self.verify_client else None,
            require_client_auth=self.verify_client,
        )


def _refuse_password() -> str:
    """Instead of asking on the terminal, which a server does not have."""
    raise ValueError("the key is encrypted")
