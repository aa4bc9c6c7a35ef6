import ssl
import threading
from concurrent import futures
from pathlib import Path

import grpc
import pytest

from schemas.errors import ConfigError
from serving.tls import Tls
from tests.serving.certificates import Certificates


@pytest.mark.parametrize("verify_client", [False, True])
def test_both_servers_take_it(certificates: Certificates, tmp_path: Path, verify_client: bool) -> None:
    path = tmp_path / "ssl.txt"
    path.write_text(certificates.config(verify_client=verify_client))
    tls = Tls.load(path)
    context = tls.context()
    assert context.verify_mode == (ssl.CERT_REQUIRED if verify_client else ssl.CERT_NONE)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert "PRIVATE" not in repr(tls)
    assert _greeted(context, certificates, with_client_certificate=verify_client)
    if verify_client:
        assert not _greeted(context, certificates, with_client_certificate=False)

    server = grpc.server(futures.ThreadPoolExecutor(1))
    assert server.add_secure_port("127.0.0.1:0", tls.grpc_credentials()) > 0
    server.stop(None)


def _greeted(context: ssl.SSLContext, certificates: Certificates, *, with_client_certificate: bool) -> bool:
    """Whether a client that trusts the authority can say a word to a server with this context."""
    import socket

    client = ssl.create_default_context(cafile=str(certificates.authority))
    if with_client_certificate:
        client.load_cert_chain(certificates.certificate("client"), certificates.key("client"))
    ours, theirs = socket.socketpair()
    heard: list[bytes] = []

    def serve() -> None:
        try:
            with context.wrap_socket(theirs, server_side=True) as wrapped:
                heard.append(wrapped.recv(5))
        except (ssl.SSLError, ConnectionError):
            pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname="localhost") as wrapped:
            wrapped.sendall(b"hello")
    except (ssl.SSLError, ConnectionError):
        pass
    thread.join()
    return heard == [b"hello"]


def test_what_does_not_go_together_is_told(certificates: Certificates, tmp_path: Path) -> None:
    path = tmp_path / "ssl.txt"
    other = certificates.key("client").read_text()
    for changed, verify_client, said in (
        ({"server_key": other}, False, "must have a key, its certificate"),
        ({"server_cert": "no PEM"}, False, "must have a key, its certificate"),
        ({"server_cert": ""}, False, "`server_key` and `server_cert`"),
        ({"custom_ca": ""}, True, "must have `custom_ca`"),
        ({"custom_ca": "no PEM"}, True, "must have a key, its certificate"),
    ):
        path.write_text(certificates.config(verify_client=verify_client, **changed))
        with pytest.raises(ConfigError, match=said) as raised:
            Tls.load(path)
        assert "PRIVATE" not in str(raised.value)
