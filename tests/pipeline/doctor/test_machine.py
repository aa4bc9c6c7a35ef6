from pathlib import Path

import pytest

from pipeline.doctor import machine


def test_this_processor_and_library_are_told() -> None:
    checks = {check.name: check for check in machine.processor()}
    assert checks["platform"].status == "ok"
    assert int(checks["cores"].found) >= 1
    assert machine.c_library().status == "ok"
    assert machine.memory().found.endswith(" GiB available")


def test_a_workspace_that_can_be_written(tmp_path: Path) -> None:
    checks = {check.name: check for check in machine.storage(tmp_path / "not" / "yet")}
    assert (checks["workspace"].status, checks["workspace"].found) == ("ok", f"{tmp_path} can be written")
    assert checks["lineage"].found.endswith("journal wal")
    assert list(tmp_path.iterdir()) == []


def test_a_workspace_that_cannot_be_written() -> None:
    checks = {check.name: check for check in machine.storage(Path("/proc/workspace"))}
    assert (checks["workspace"].status, checks["workspace"].found) == ("failed", "/proc cannot be written")
    assert "name another folder by --workspace" in checks["workspace"].advice


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MIN_DISK", 1 << 80)
    disk = [check for check in machine.storage(tmp_path) if check.name == "disk"]
    assert [check.status for check in disk] == ["failed"]


def test_too_little_memory_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MIN_MEMORY", 1 << 80)
    assert machine.memory().status == "warning"
