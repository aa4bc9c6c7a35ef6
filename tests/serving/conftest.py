"""Fixtures of the model server's tests."""

from pathlib import Path

import pytest

from tests.serving import half_plus_two as model
from tests.serving.certificates import Certificates, make_certificates


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def half_plus_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of versions with version 123 in it; for reading only."""
    folder = tmp_path_factory.mktemp("models") / "half_plus_two"
    model.export(folder / "123")
    return folder
