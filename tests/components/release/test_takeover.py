"""How a pushed version takes over, and what servers are told of it."""

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

from components.release.labels import CONFIG
from components.release.takeover import take_over
from components.versions import Pushed, digest_of, is_served, push_version
from schemas.config import PushConfig
from schemas.errors import ConfigError
from schemas.release_record import ReleaseRecord, RolledBack
from serving.config_files import ModelServerConfig
from serving.models.policy import ModelPolicy, policies_of

CANARY = PushConfig(directory="served", policy="canary", servers=("http://127.0.0.1:1",))
DIRECT = PushConfig(directory="served")


def _push(base: Path, content: str, push: PushConfig = CANARY, name: str = "news") -> tuple[Pushed, str]:
    model = base / f"model-{content}"
    model.mkdir(exist_ok=True)
    (model / "saved_model.pb").write_text(content)
    pushed = push_version(model, base / "served" / name, model=content)
    return pushed, take_over(base, push, name, pushed)


def _policy(base: Path, name: str = "news") -> ModelPolicy:
    config: Any = text_format.Parse((base / "served" / CONFIG).read_text(), ModelServerConfig())
    return policies_of(config)[name]


def _record(base: Path) -> ReleaseRecord:
    return ReleaseRecord.read(base / "served" / "news")


def test_the_first_version_is_stable_at_once(tmp_path: Path) -> None:
    pushed, said = _push(tmp_path, "A")
    version = int(pushed.path.name)
    assert said == "is stable: there is no other that it could be held against"
    folder = (tmp_path / "served" / "news").resolve()
    assert _policy(tmp_path) == ModelPolicy("news", folder, 0, (version,), {"stable": version})


def test_the_next_one_is_loaded_beside_it_without_a_label(tmp_path: Path) -> None:
    first, second = (int(_push(tmp_path, content)[0].path.name) for content in "AB")
    policy = _policy(tmp_path)
    assert (policy.specific, policy.labels) == ((first, second), {"stable": first})
    assert _record(tmp_path) == ReleaseRecord(stable=first, candidate=second)
    third, said = _push(tmp_path, "C")  # the candidate that nobody decided on yet gives way
    assert said.startswith(f"is a candidate beside version {first}: `trainworks promote` decides")
    assert _policy(tmp_path).specific == (first, int(third.path.name))
    assert not is_served(tmp_path / "served" / "news" / str(second))


def test_the_same_model_is_adopted_where_it_serves_and_where_it_is_tried(tmp_path: Path) -> None:
    first, second = _push(tmp_path, "A")[0], _push(tmp_path, "B")[0]
    before = _record(tmp_path)
    for content, pushed in (("A", first), ("B", second)):
        assert _push(tmp_path, content)[0] == Pushed(pushed.path, adopted=True)
        assert is_served(pushed.path)
        assert _record(tmp_path) == before


def test_what_served_without_labels_becomes_stable(tmp_path: Path) -> None:
    versions = [int(_push(tmp_path, content, DIRECT)[0].path.name) for content in "ABC"]
    bad = tmp_path / "served" / "news" / str(versions[2])
    entry = RolledBack(version=versions[2], digest=digest_of(bad), at="now", reason="bad")
    ReleaseRecord(rolled_back=(entry,)).write(bad.parent)
    candidate = int(_push(tmp_path, "D")[0].path.name)
    assert _policy(tmp_path).labels == {"stable": versions[1]}
    assert _record(tmp_path).candidate == candidate


def test_a_policy_that_is_direct_again_drops_the_labels_and_says_so(tmp_path: Path) -> None:
    _push(tmp_path, "A")
    pushed, said = _push(tmp_path, "B", DIRECT)
    assert "no label is left" in said
    policy = _policy(tmp_path)
    assert (policy.latest, policy.specific, policy.labels) == (1, (), {})
    assert is_served(pushed.path)
    assert _push(tmp_path, "C", DIRECT)[1] == ""


def test_direct_pushes_write_no_configuration(tmp_path: Path) -> None:
    _push(tmp_path, "A", DIRECT)
    assert sorted(path.name for path in (tmp_path / "served").iterdir()) == ["news"]


def test_other_models_of_the_file_stay(tmp_path: Path) -> None:
    _push(tmp_path, "A", name="weather")
    before = _policy(tmp_path, "weather")
    _push(tmp_path, "A")
    _push(tmp_path, "B")
    assert _policy(tmp_path, "weather") == before
    elsewhere = CANARY.model_copy(update={"server_directory": "/models"})
    _push(tmp_path, "C", elsewhere)
    assert _policy(tmp_path).base_path == Path("/models/news")


def test_a_file_that_cannot_be_read_is_told_and_stays(tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / CONFIG).write_text("model_config_list {")
    with pytest.raises(ConfigError, match=r"`models\.config` must be the text of a ModelServerConfig message"):
        _push(tmp_path, "A")
    assert (tmp_path / "served" / CONFIG).read_text() == "model_config_list {"


def test_a_shadow_has_its_label_from_the_start(tmp_path: Path) -> None:
    shadow = CANARY.model_copy(update={"policy": "shadow"})
    first, second = (int(_push(tmp_path, content, shadow)[0].path.name) for content in "AB")
    assert _policy(tmp_path).labels == {"stable": first, "shadow": second}
    promoted = _record(tmp_path).labelled(1.0).promoted()
    assert promoted.labels == {"stable": second}
