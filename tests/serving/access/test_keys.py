import hashlib
import json
from pathlib import Path

import pytest

from schemas.errors import ConfigError
from serving.access.keys import KeyFile, KeyRing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_a_key_is_shown_once_and_kept_as_a_hash(path: Path) -> None:
    file, secret = KeyFile().with_new("nightly", ["predict", "metrics"], 5)
    file.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert secret not in path.read_text()
    (kept,) = json.loads(path.read_text())["keys"]
    assert kept["sha256"] == hashlib.sha256(secret.encode()).hexdigest()
    assert KeyFile.load(path) == file

    found = KeyRing(KeyFile.load(path)).find(secret)
    assert found is not None
    assert (found.name, found.roles, found.requests_per_second) == ("nightly", ("predict", "metrics"), 5)


def test_only_the_whole_key_is_found() -> None:
    file, secret = KeyFile().with_new("a", ["predict"])
    file, other = file.with_new("b", ["admin"])
    ring = KeyRing(file)
    assert [key and key.name for key in (ring.find(secret), ring.find(other))] == ["a", "b"]
    mixed = secret[:16] + other[16:]
    for wrong in ("", secret[:-1], secret + "x", mixed, secret.upper(), "tw_000000000000_" + "A" * 43, "\udcff"):
        assert ring.find(wrong) is None


def test_names_are_unique_and_keys_can_be_removed() -> None:
    file, secret = KeyFile().with_new("a", ["predict"])
    with pytest.raises(ConfigError, match=r"`NAME` must be new; remove the old key first\. Received: a"):
        file.with_new("a", ["admin"])
    with pytest.raises(ConfigError, match=r"one of the keys' names \(a\)\. Received: b"):
        file.without("b")
    assert KeyRing(file.without("a")).find(secret) is None


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o666])
def test_a_file_that_others_could_use_is_refused(path: Path, mode: int) -> None:
    KeyFile().save(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match=rf"chmod 600 {path}\. Received: mode {mode:o}"):
        KeyFile.load(path)


def test_a_broken_file_is_told_without_its_content(path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        KeyFile.load(path)
    path.touch(mode=0o600)
    path.write_text('{"keys": [{"id": "tw_secret"}]}')
    with pytest.raises(ConfigError, match=r"keys\.0\.id: ") as raised:
        KeyFile.load(path)
    assert "tw_secret" not in str(raised.value)
