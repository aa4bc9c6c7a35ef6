import logging
from pathlib import Path

import pytest

from schemas.errors import ConfigError
from serving.access import gate as module
from serving.access.gate import ANONYMOUS, Gate
from serving.access.keys import KeyFile
from serving.errors import Code, ServingError


def _code(raised: "pytest.ExceptionInfo[ServingError]") -> Code:
    return raised.value.code


def test_without_keys_all_come_in_but_only_this_machine_changes_what_is_served() -> None:
    gate = Gate()
    assert gate.admit("predict", None, loopback=False) == ANONYMOUS
    assert gate.admit("admin", None, loopback=True) == ANONYMOUS
    with pytest.raises(ServingError, match="from this machine only") as raised:
        gate.admit("admin", None, loopback=False)
    assert _code(raised) == Code.PERMISSION_DENIED
    assert Gate(remote_admin=True).admit("admin", None, loopback=False) == ANONYMOUS


def test_a_key_is_needed_and_its_role(tmp_path: Path) -> None:
    file, secret = KeyFile().with_new("app", ["predict"])
    file.save(tmp_path / "keys.json")
    gate = Gate(tmp_path / "keys.json")
    assert gate.admit("predict", f"Bearer {secret}", loopback=False) == "app"
    assert gate.admit("predict", f"bearer {secret}", loopback=False) == "app"
    for wrong in (None, "", secret, "Bearer", "Bearer ", f"Basic {secret}", f"Bearer {secret[:-1]}"):
        with pytest.raises(ServingError, match="valid API key") as raised:
            gate.admit("predict", wrong, loopback=True)
        assert _code(raised) == Code.UNAUTHENTICATED
    with pytest.raises(ServingError, match="`app` does not have the role `metrics`") as raised:
        gate.admit("metrics", f"Bearer {secret}", loopback=True)
    assert _code(raised) == Code.PERMISSION_DENIED


def test_a_key_has_its_rate(tmp_path: Path) -> None:
    file, slow = KeyFile().with_new("slow", ["predict"], 2)
    file, fast = file.with_new("fast", ["predict"])
    file.save(tmp_path / "keys.json")
    gate = Gate(tmp_path / "keys.json")
    for _ in range(2):
        gate.admit("predict", f"Bearer {slow}", loopback=True)
    with pytest.raises(ServingError, match="`slow` may send 2 requests per second") as raised:
        gate.admit("predict", f"Bearer {slow}", loopback=True)
    assert _code(raised) == Code.RESOURCE_EXHAUSTED
    for _ in range(50):
        gate.admit("predict", f"Bearer {fast}", loopback=True)


def test_a_changed_file_counts_and_a_spoiled_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.0)
    path = tmp_path / "keys.json"
    file, first = KeyFile().with_new("first", ["predict"])
    file.save(path)
    gate = Gate(path)
    file, second = file.with_new("second", ["predict"])
    file.without("first").save(path)
    assert gate.admit("predict", f"Bearer {second}", loopback=True) == "second"
    with pytest.raises(ServingError):
        gate.admit("predict", f"Bearer {first}", loopback=True)

    for spoil in (lambda: path.write_text("{"), lambda: path.chmod(0o644), path.unlink):
        with caplog.at_level(logging.ERROR):
            spoil()
            assert gate.admit("predict", f"Bearer {second}", loopback=True) == "second"
        assert "The keys of before stay good" in caplog.text
        caplog.clear()


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="`--keys` must be a file"):
        Gate(tmp_path / "none.json")
