import json
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from pipeline.cli.doctor import command


def test_this_machine_can_run_pipelines(tmp_path: Path) -> None:
    """The tests themselves need what the doctor looks for, so it must find all of it here."""
    result = CliRunner().invoke(command, ["--workspace", str(tmp_path / "new"), "--json"])
    told = json.loads(result.stdout)
    checks = {check["name"]: check for check in told["checks"]}
    failed = [check for check in told["checks"] if check["status"] == "failed" and check["name"] != "disk"]
    assert failed == []
    assert checks["TensorFlow starts"]["found"].startswith("2.")
    assert checks["tensorflow_text loads"]["found"] == "its operations work"
    assert {"Python", "C library", "memory", "workspace", "lineage", "keras", "apache-beam", "pip"} <= set(checks)
    assert not (tmp_path / "new").exists()


def test_it_starts_without_the_libraries_that_it_looks_for() -> None:
    code = (
        "import sys, pipeline.cli.doctor;"
        "print(sorted({'tensorflow', 'pydantic', 'yaml', 'rich', 'sqlalchemy', 'packaging'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
