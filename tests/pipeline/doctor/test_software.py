import os
import sys
from importlib import metadata
from pathlib import Path

import pytest

from pipeline.doctor.software import distributions, pip, python, tensorflow


def install(folder: Path, name: str, version: str, *lines: str) -> None:
    """What pip leaves behind of a distribution."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir()
    text = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines, ""])
    (info / "METADATA").write_text(text, encoding="utf-8")


def test_python_is_one_that_is_supported() -> None:
    assert python().status == "ok"


def test_every_requirement_is_looked_at() -> None:
    names = [check.name for check in distributions()]
    assert {"tensorflow", "keras", "tensorflow-text", "keras-nlp", "apache-beam", "pydantic"} <= set(names)
    assert "ruff" not in names, "extras are not needed by runs"


def test_versions_are_held_against_the_requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = ["Requires-Dist: tensorflow<2.22,>=2.21", "Requires-Dist: made-up>=1", "Requires-Dist: keras>=3"]
    install(tmp_path, "trainworks", "9.0", *requirements, "Requires-Dist: made-up-too; extra == 'dev'")
    install(tmp_path, "tensorflow", "2.20.1")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert metadata.version("tensorflow") == "2.20.1"
    told = {check.name: (check.status, check.found, check.advice) for check in distributions()}
    assert told["tensorflow"] == (
        "failed",
        "2.20.1, needs <2.22,>=2.21",
        "Install it: `pip install 'tensorflow<2.22,>=2.21'`.",
    )
    assert told["made-up"] == ("failed", "not installed, needs >=1", "Install it: `pip install 'made-up>=1'`.")
    assert told["keras"][0] == "ok"
    assert list(told) == ["tensorflow", "made-up", "keras"]


def test_pip_is_wanted_but_not_needed() -> None:
    assert pip().status in ("ok", "warning")


def test_a_tensorflow_that_does_not_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ImportError('libcudart.so.12 is missing')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    (check,) = tensorflow()
    assert (check.status, check.found) == ("failed", "ImportError: libcudart.so.12 is missing")
    assert "pip install --force-reinstall 'tensorflow" in check.advice


def test_a_tensorflow_that_ends_the_process_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tensorflow.py").write_text("import os; os.kill(os.getpid(), 4)", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (check,) = tensorflow()
    assert (check.status, check.found) == ("failed", "it was ended by signal 4")


def test_a_tensorflow_text_that_does_not_fit_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tensorflow.py").write_text(
        "from types import SimpleNamespace as N\n"
        "__version__ = '2.21.0'\n"
        "config = N(list_physical_devices=lambda: [N(device_type='CPU')])\n"
        "ones = lambda shape: 4.0\nreduce_sum = lambda value: value\n",
        encoding="utf-8",
    )
    (tmp_path / "tensorflow_text.py").write_text("raise OSError('undefined symbol: _ZN10')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    started, text = tensorflow()
    assert (started.status, started.found) == ("ok", "2.21.0, devices: CPU")
    assert (text.status, text.found) == ("failed", "OSError: undefined symbol: _ZN10")
    assert text.advice.startswith("tensorflow-text must be built for the very TensorFlow")


def test_a_trainworks_that_is_not_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    (check,) = distributions()
    assert (check.name, check.status, check.found) == ("trainworks", "failed", "not installed")
