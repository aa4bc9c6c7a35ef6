"""A REST server for the tests of a module, with real models behind it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.access.gate import Gate
from serving.calls import Call
from serving.model_folders import config_of
from serving.models.loader import Loader
from serving.models.manager import ModelManager
from serving.rest.application import Limits, Page
from serving.rest.server import RestOptions, RestServer

MAX_BODY_BYTES = 4 << 20


class Rest(RestServer):
    """A server that remembers its calls."""

    calls: list[Call]


@pytest.fixture(scope="session")
def models(half_plus_two: Path) -> Iterator[ModelManager]:
    manager = ModelManager(Loader(lambda folder: None, timeout_seconds=60), poll_seconds=0)
    config = config_of(half_plus_two)
    config.model_config_list.config[0].version_labels["stable"] = 123
    config.model_config_list.config[0].version_labels["gone"] = 9
    manager.start(config)
    assert manager.wait(60)
    yield manager
    manager.stop()


@pytest.fixture(scope="session")
def rest(models: ModelManager) -> Iterator[Rest]:
    calls: list[Call] = []
    options = RestOptions(port=0, limits=Limits(MAX_BODY_BYTES), request_seconds=1.0)
    server = Rest(models, options, Gate(), [calls.append], {"/metrics": Page(lambda: b"a 1\n", "text/plain")})
    server.calls = calls
    server.start()
    yield server
    server.stop(1)
