"""Both clients against a server on loopback."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from serving.access.gate import Gate
from serving.access.keys import KeyFile
from serving.client import AsyncClient, Client, Code, Retries, ServingError, Spec, Tls
from serving.rest.server import RestOptions, RestServer
from serving.rpc.server import RpcOptions, RpcServer
from serving.tls import Tls as ServerTls
from tests.serving.certificates import Certificates
from tests.serving.loaded import LoadedModels, LoadedServable

NAME = "half_plus_two"


@pytest.fixture(scope="module")
def models(half_plus_two: Path) -> LoadedModels:
    return LoadedModels(half_plus_two=LoadedServable(NAME, half_plus_two / "123"))


@pytest.fixture(scope="module", params=["grpc", "http"])
def url(models: LoadedModels, request: pytest.FixtureRequest) -> Iterator[str]:
    server: RpcServer | RestServer = RpcServer(models, RpcOptions(port=0), Gate())
    if request.param == "http":
        server = RestServer(models, RestOptions(port=0), Gate())
    server.start()
    yield f"{request.param}://127.0.0.1:{server.port}"
    server.stop(0)


def test_values_go_in_and_come_out(url: str) -> None:
    with Client(url) as client:
        answer = client.predict(NAME, {"x": [1, 2, 5]})
        assert (answer["y"].dtype, answer["y"].tolist()) == (np.float32, [2.5, 3.0, 4.5])
        echo = Spec(NAME, signature="echo")
        assert client.predict(echo, {"text": ["ab", "日本"], "times": 2})["text"].tolist() == ["abab", "日本日本"]
        if url.startswith("grpc"):  # JSON has no bytes, so TF Serving writes them as text
            assert client.predict(echo, {"text": [b"\xff"], "times": 2})["text"].tolist() == [b"\xff\xff"]
        assert client.predict(echo, {"text": [b"\xff"], "times": 2})["length"].tolist() == [2]
        assert list(client.predict(echo, {"text": ["ab"], "times": 1}, outputs=["length"])) == ["length"]
        assert client.regress(Spec(NAME, signature="regress_x_to_y"), [{"x": 1.0}, {"x": [2.0]}]) == [2.5, 3.0]
        (classes,) = client.classify(Spec(NAME, 123, signature="classify_x_to_y"), [{"x": 4.0}])
        assert classes == {"y": 4.0, "minus y": -4.0}
        assert [(state.version, state.state) for state in client.status(NAME)] == [(123, "AVAILABLE")]
        layout = client.signatures(NAME)["serving_default"]
        assert (layout.inputs["x"].dtype, layout.inputs["x"].shape) == (np.float32, (-1,))
        assert np.isnan(client.predict(NAME, {"x": [float("nan")]})["y"]).all()
        assert client.predict(NAME, {"x": []})["y"].shape == (0,)
        big = np.arange(3_000_000 if url.startswith("grpc") else 300_000, dtype=np.float32)
        np.testing.assert_array_equal(client.predict(NAME, {"x": big})["y"], big / 2 + 2)


def test_asyncio(url: str) -> None:
    async def ask() -> None:
        async with AsyncClient(url) as client:
            answers = await asyncio.gather(*(client.predict(NAME, {"x": [x]}) for x in range(20)))
            assert [answer["y"].item() for answer in answers] == [x / 2 + 2 for x in range(20)]
            assert await client.regress(Spec(NAME, signature="regress_x_to_y"), [{"x": 1.0}]) == [2.5]
            with pytest.raises(ServingError) as raised:
                await client.predict("none", {"x": [1.0]})
            assert raised.value.code == Code.NOT_FOUND

    asyncio.run(ask())


def test_failures_have_the_server_s_code(url: str) -> None:
    with Client(url) as client:
        with pytest.raises(ServingError, match="Unrecognized servable version label: next") as raised:
            client.predict(Spec(NAME, label="next"), {"x": [1.0]})
        assert raised.value.code == Code.INVALID_ARGUMENT
        with pytest.raises(ValueError, match="`x` must be numbers of type float32"):
            client.predict(NAME, {"x": ["one"]})


def test_a_server_that_comes_later_is_waited_for(models: LoadedModels) -> None:
    first = RpcServer(models, RpcOptions(port=0), Gate())
    first.start()
    with Client(f"grpc://127.0.0.1:{first.port}", retries=Retries(attempts=100)) as client:
        client.predict(NAME, {"x": [1.0]})
        first.stop(0)
        second = RpcServer(models, RpcOptions(port=first.port), Gate())
        threading.Timer(0.5, second.start).start()
        assert client.predict(NAME, {"x": [1.0]})["y"].item() == 2.5
        second.stop(0)
        with pytest.raises(ServingError) as raised:
            client.predict(NAME, {"x": [1.0]}, timeout=0.5)
        assert raised.value.code in (Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED)


@pytest.mark.parametrize("scheme", ["grpcs", "https"])
def test_mutual_tls_and_a_key(models: LoadedModels, certificates: Certificates, tmp_path: Path, scheme: str) -> None:
    (tmp_path / "ssl.txt").write_text(certificates.config(verify_client=True))
    keys, secret = KeyFile().with_new("app", ["predict"], 3)
    keys.save(tmp_path / "keys.json")
    gate, server_tls = Gate(tmp_path / "keys.json"), ServerTls.load(tmp_path / "ssl.txt")
    server: RpcServer | RestServer = RpcServer(models, RpcOptions(port=0, tls=server_tls), gate)
    if scheme == "https":
        server = RestServer(models, RestOptions(port=0, tls=server_tls), gate)
    server.start()
    tls = Tls(certificates.authority, certificates.certificate("client"), certificates.key("client"))
    url = f"{scheme}://localhost:{server.port}"
    try:
        with Client(url, tls=tls, key=secret, retries=Retries(attempts=100)) as client:
            for _ in range(6):  # beyond its rate, which the client waits for
                assert client.predict(NAME, {"x": [1.0]})["y"].item() == 2.5
        with Client(url, tls=tls) as client, pytest.raises(ServingError) as raised:
            client.predict(NAME, {"x": [1.0]})
        assert raised.value.code == Code.UNAUTHENTICATED
    finally:
        server.stop(0)


def test_nobody_there_is_unavailable_over_http() -> None:
    with Client("http://127.0.0.1:1", timeout=0.3) as client, pytest.raises(ServingError) as raised:
        client.status(NAME)
    assert raised.value.code == Code.UNAVAILABLE


def test_it_does_without_tensorflow() -> None:
    code = "import sys, serving.client; print(*(name in sys.modules for name in ('tensorflow', 'grpc', 'httpx')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"] * 3
