"""Versions come and go in real folders; the models are stand-ins that load at once, on demand, or not at all."""

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serving.config_files import ModelServerConfig
from serving.errors import Code, ServingError
from serving.models.manager import ModelManager
from tests.serving.clients import until


class Recorded:
    """A loaded version that knows whether it was closed."""

    def __init__(self, name: str, version: int) -> None:
        self.name, self.version, self.closed = name, version, False

    def close(self) -> None:
        self.closed = True


class Loader:
    """Loads what holds a file `saved_model.pb`; waits where the file says so, and fails where it is empty."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.loaded: list[Recorded] = []

    def load(self, name: str, version: int, folder: Path) -> Any:
        content = (folder / "saved_model.pb").read_text()
        if content == "wait":
            assert self.gate.wait(30)
        if content == "":
            raise ServingError(Code.DATA_LOSS, "half of it is missing")
        if content == "raise":
            raise MemoryError("no more")
        self.loaded.append(Recorded(name, version))
        return self.loaded[-1]


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def manager(loader: Loader) -> Iterator[ModelManager]:
    made = ModelManager(loader, poll_seconds=0.02)
    yield made
    loader.gate.set()
    made.stop()


def _version(base: Path, number: int, content: str = "model") -> Path:
    staged = base / f".staged-{number}"
    staged.mkdir(parents=True)
    (staged / "saved_model.pb").write_text(content)
    return staged.rename(base / str(number))


def _config(*bases: Path, policy: str = "", **labels: int) -> Any:
    from google.protobuf import text_format

    config = ModelServerConfig()
    for base in bases:
        added = config.model_config_list.config.add(name=base.name, base_path=str(base))
        text_format.Merge(policy, added)
        for label, version in labels.items():
            added.version_labels[label] = version
    return config


def _answers(manager: ModelManager, name: str = "r8") -> int:
    """The version that answers; 0 while the first one is being loaded."""
    try:
        with manager.acquire(name) as servable:
            return servable.version
    except ServingError as error:
        if error.code is not Code.UNAVAILABLE:
            raise
        return 0


def _states(manager: ModelManager, name: str = "r8") -> dict[int, str]:
    return {status.version: status.state for status in manager.status(name)}


def test_a_new_version_takes_over_and_the_old_one_is_drained(
    manager: ModelManager, loader: Loader, tmp_path: Path
) -> None:
    base = tmp_path / "r8"
    _version(base, 1)
    manager.start(_config(base))
    assert manager.wait(20)
    assert manager.availability() == {"r8": True}
    with manager.acquire("r8") as old:
        assert old.version == 1
        _version(base, 2)
        until(lambda: _answers(manager) == 2)
        until(lambda: _states(manager) == {2: "AVAILABLE", 1: "UNLOADING"})
        assert not loader.loaded[0].closed
    until(lambda: loader.loaded[0].closed)
    until(lambda: _states(manager) == {2: "AVAILABLE", 1: "END"})
    with (
        pytest.raises(ServingError, match=r"Servable not found for request: Specific\(r8, 1\)"),
        manager.acquire("r8", 1),
    ):
        pass


@pytest.mark.parametrize(("content", "code"), [("", Code.DATA_LOSS), ("raise", Code.INTERNAL)])
def test_a_broken_version_never_serves_until_it_is_mended(
    manager: ModelManager, tmp_path: Path, content: str, code: Code
) -> None:
    base = tmp_path / "r8"
    _version(base, 1)
    manager.start(_config(base))
    until(lambda: _states(manager) == {1: "AVAILABLE"})
    broken = _version(base, 2, content)
    until(lambda: _states(manager) == {2: "END", 1: "AVAILABLE"})
    (status, _) = manager.status("r8")
    assert status.code is code and status.message
    time.sleep(0.1)
    assert _answers(manager) == 1
    (broken / "saved_model.pb").write_text("mended")
    until(lambda: _answers(manager) == 2)


def test_the_newest_may_be_taken_away(manager: ModelManager, tmp_path: Path) -> None:
    base = tmp_path / "r8"
    _version(base, 1)
    newest = _version(base, 2)
    manager.start(_config(base))
    until(lambda: _states(manager) == {2: "AVAILABLE"})
    shutil.rmtree(newest)
    until(lambda: _answers(manager) == 1)
    shutil.rmtree(base)
    time.sleep(0.1)
    assert _answers(manager) == 1  # better an old model than none


def test_a_model_that_hangs_in_loading_does_not_stop_the_others(
    manager: ModelManager, loader: Loader, tmp_path: Path
) -> None:
    _version(tmp_path / "slow", 1, "wait")
    _version(tmp_path / "r8", 1)
    manager.start(_config(tmp_path / "slow", tmp_path / "r8"))
    until(lambda: manager.availability() == {"slow": False, "r8": True})
    with pytest.raises(ServingError) as raised, manager.acquire("slow"):
        pass
    assert raised.value.code is Code.UNAVAILABLE
    loader.gate.set()
    until(lambda: _answers(manager, "slow") == 1)


def test_several_versions_and_labels(manager: ModelManager, tmp_path: Path) -> None:
    base = tmp_path / "r8"
    for number in (1, 2, 3):
        _version(base, number)
    all_of_them = "model_version_policy { all { } }"
    manager.start(_config(base, policy=all_of_them))
    until(lambda: set(_states(manager).values()) == {"AVAILABLE"})
    manager.apply(_config(base, policy=all_of_them, stable=1, canary=3))
    with manager.acquire("r8", label="stable") as stable, manager.acquire("r8", label="canary") as canary:
        assert (stable.version, canary.version) == (1, 3)
    for label, said in (("beta", "Unrecognized servable version label: beta"), ("", "Unrecognized")):
        with pytest.raises(ServingError, match=said) as raised, manager.acquire("r8", label=label):
            pass
        assert raised.value.code is Code.INVALID_ARGUMENT
    with pytest.raises(ServingError, match="Request to assign label to version 9 of model r8") as raised:
        manager.apply(_config(base, policy=all_of_them, stable=9))
    assert raised.value.code is Code.FAILED_PRECONDITION
    with manager.acquire("r8", label="stable") as stable:  # all is as it was
        assert stable.version == 1
    manager.apply(_config(base, policy="model_version_policy { specific { versions: 2 } }"))
    until(lambda: _states(manager) == {3: "END", 2: "AVAILABLE", 1: "END"})
    manager.apply(_config(base))
    until(lambda: _states(manager) == {3: "AVAILABLE", 2: "END", 1: "END"})


def test_models_are_added_and_removed_and_a_bad_configuration_changes_nothing(
    manager: ModelManager, loader: Loader, tmp_path: Path
) -> None:
    r8, news, broken = tmp_path / "r8", tmp_path / "news", tmp_path / "broken"
    for base, content in ((r8, "model"), (news, "model"), (broken, "")):
        _version(base, 1, content)
    manager.start(_config(r8))
    until(lambda: _answers(manager) == 1)
    for config, code, said in (
        (_config(r8, broken), Code.UNKNOWN, "1 servable.s. did not become available: .broken .version 1: half of it"),
        (_config(r8, tmp_path / "none"), Code.UNKNOWN, "no version in"),
        (_config(r8, r8), Code.INVALID_ARGUMENT, "multiple times"),
        (_config(news, stable=9), Code.FAILED_PRECONDITION, "version 9 of model news"),
    ):
        with pytest.raises(ServingError, match=said) as raised:
            manager.apply(config)
        assert raised.value.code is code
        assert manager.availability() == {"r8": True}
    manager.apply(_config(news))
    assert manager.availability() == {"news": True}
    until(lambda: [one.closed for one in loader.loaded if one.name == "r8"] == [True])
    for call in (lambda: _answers(manager), lambda: manager.status("r8"), lambda: manager.status("news", 2)):
        with pytest.raises(ServingError) as raised:
            call()
        assert raised.value.code is Code.NOT_FOUND


def test_a_model_may_move(manager: ModelManager, loader: Loader, tmp_path: Path) -> None:
    _version(tmp_path / "a" / "r8", 1)
    _version(tmp_path / "b" / "r8", 1)
    manager.start(_config(tmp_path / "a" / "r8"))
    until(lambda: _answers(manager) == 1)
    manager.apply(_config(tmp_path / "b" / "r8"))
    until(lambda: [one.closed for one in loader.loaded] == [True, False])
    assert _answers(manager) == 1


def test_calls_go_on_while_versions_change(manager: ModelManager, loader: Loader, tmp_path: Path) -> None:
    base = tmp_path / "r8"
    _version(base, 1)
    manager.start(_config(base))
    until(lambda: _answers(manager) == 1)
    over, wrong = threading.Event(), list[str]()

    def call() -> None:
        while not over.wait(0.0002):
            try:
                with manager.acquire("r8") as servable:
                    if servable.closed:  # type: ignore[attr-defined]
                        wrong.append(f"{servable.version} was closed")
            except ServingError as error:
                wrong.append(error.message)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(2, 12):
        _version(base, number)
        until(lambda number=number: _answers(manager) == number)  # type: ignore[misc]
    over.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    until(lambda: [one.closed for one in loader.loaded] == [True] * 10 + [False])


def test_a_shadow_is_given_to_those_who_name_it_only(loader: Loader, tmp_path: Path) -> None:
    manager = ModelManager(loader, poll_seconds=0.02, shadows=True)
    both = "model_version_policy { specific { versions: 1 versions: 2 } }"
    try:
        base = tmp_path / "r8"
        _version(base, 1)
        manager.start(_config(base, policy=both, stable=1))
        assert manager.wait(10)
        assert manager.shadow_of("r8") is None
        _version(base, 2, "wait")
        manager.apply(_config(base, policy=both, stable=1, shadow=2))
        assert manager.shadow_of("r8") is None  # until it is loaded
        loader.gate.set()
        until(lambda: manager.shadow_of("r8") == 2)
        for asked, version in (({}, 1), ({"label": "stable"}, 1), ({"label": "shadow"}, 2), ({"version": 2}, 2)):
            with manager.acquire("r8", **asked) as servable:
                assert servable.version == version
        assert manager.shadow_of("other") is None
    finally:
        loader.gate.set()
        manager.stop()
