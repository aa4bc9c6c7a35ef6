"""The unit file: systemd reads it, and finds the paths that were meant in it."""

import configparser
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli.main import trainworks


def unit(text: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(text)
    return parser


def test_it_runs_the_daemon_on_the_files(file: Path, export: Callable[..., str]) -> None:
    service = unit(export("systemd", file, "--program", "/opt/trainworks/bin/trainworks", "--user", "ml"))["Service"]
    escaped = str(file).replace("%", "%%")
    in_command = escaped.replace("$", "$$")
    assert service["ExecStart"] == f'"/opt/trainworks/bin/trainworks" "schedule" "{in_command}"'
    assert (service["User"], service["WorkingDirectory"]) == ("ml", str(Path(escaped).parent))
    assert service["RestartPreventExitStatus"] == "2"


def test_it_writes_where_its_pipelines_do_and_nowhere_else(
    file: Path, tmp_path: Path, export: Callable[..., str]
) -> None:
    other = tmp_path / "other" / "other.yaml"
    other.parent.mkdir()
    other.write_text(file.read_text().replace("name: mail", "name: other").replace("served}", "../models}"))
    text = export("systemd", file, other, "--workspace", tmp_path / "other" / "work")
    service = unit(text)["Service"]
    own, elsewhere = str(file.parent).replace("%", "%%"), f'"{tmp_path / "models"}" "{tmp_path / "other"}"'
    assert service["ReadWritePaths"] == f'"{own}" {elsewhere}'
    assert service["ExecStart"].endswith(f'"--workspace" "{tmp_path / "other" / "work"}"')
    hardened = ("NoNewPrivileges", "PrivateTmp", "ProtectKernelModules", "RestrictNamespaces", "RestrictSUIDSGID")
    assert [service[name] for name in hardened] == ["yes"] * 5
    assert (service["ProtectSystem"], service["CapabilityBoundingSet"]) == ("strict", "")


def test_a_folder_that_is_still_to_be_made_is_told(tmp_path: Path, file: Path) -> None:
    arguments = ["export", "systemd", str(file), "--workspace", str(tmp_path / "work")]
    told = f"warning: {tmp_path / 'work'} must be there when the unit is started, or systemd refuses it\n"
    assert CliRunner().invoke(trainworks, arguments).stderr == told
    (tmp_path / "work").mkdir()
    assert CliRunner().invoke(trainworks, arguments).stderr == ""


def test_a_path_that_no_unit_can_say(tmp_path: Path, file: Path) -> None:
    folder = tmp_path / "two\nlines"
    folder.mkdir()
    (folder / "mail.yaml").write_text(file.read_text())
    result = CliRunner().invoke(trainworks, ["export", "systemd", str(folder / "mail.yaml")])
    assert result.exit_code == 2
    assert "A path in a systemd unit must be printable text. Received: '" in result.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_no_fault_and_little_exposure(file: Path, tmp_path: Path, export: Callable[..., str]) -> None:
    path = tmp_path / "trainworks.service"
    path.write_text(export("systemd", file, "--program", "/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)
    assert str(path) not in verified.stderr and verified.returncode == 0, verified.stderr
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=30", path]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
