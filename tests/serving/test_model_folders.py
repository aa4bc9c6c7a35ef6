from pathlib import Path

import pytest

from schemas.errors import ConfigError
from serving.model_folders import config_of, config_of_model


def _version(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "saved_model.pb").touch()
    return path


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """A push directory with two models, and what else may lie around."""
    for version in ("r8/1", "r8/2", "mnist/7", "r8/.staged-3", "tmp/not-a-version"):
        _version(tmp_path / "served" / version)
    (tmp_path / "served" / "notes.txt").touch()
    return tmp_path / "served"


def _told(folder: Path, name: str | None = None) -> list[tuple[str, str, list[int]]]:
    config = config_of(folder, name).model_config_list.config
    return [(one.name, one.base_path, list(one.model_version_policy.specific.versions)) for one in config]


def test_all_models_of_a_folder_one_of_them_or_one_version(served: Path) -> None:
    r8, mnist = str(served / "r8"), str(served / "mnist")
    assert _told(served) == [("mnist", mnist, []), ("r8", r8, [])]
    assert _told(served / "r8") == [("r8", r8, [])]
    assert _told(served / "r8", "news") == [("news", r8, [])]
    assert _told(served / "r8" / "1") == [("r8", r8, [1])]


def test_a_folder_may_be_filled_later(tmp_path: Path) -> None:
    (config,) = config_of_model(tmp_path / "later", "r8").model_config_list.config
    assert (config.name, config.base_path, config.model_platform) == ("r8", str(tmp_path / "later"), "tensorflow")


def test_what_is_no_model_is_told(served: Path, tmp_path: Path) -> None:
    for folder, said in (
        (tmp_path / "none", "which is not there"),
        (served / "notes.txt", "a file"),
        (tmp_path, f"without any. Did you mean {served}/mnist, {served}/r8"),
        (served / "tmp" / "not-a-version", "not a version, a number"),
    ):
        with pytest.raises(ConfigError) as raised:
            config_of(folder)
        assert said in str(raised.value)
    with pytest.raises(ConfigError, match="must be left out for a folder of several models: mnist, r8"):
        config_of(served, "one")
    with pytest.raises(ConfigError, match="`--model_name` must be letters"):
        config_of(served / "r8", "a b")
