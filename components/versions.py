"""Publishing a folder as a version: whole or not at all, never over another, whatever dies in between.

A version is staged in a hidden sibling folder on the same file system, every file and folder is brought to the disk,
and one rename publishes it. A model server looks for folders whose names are numbers, so it never sees a staged one:
https://www.tensorflow.org/tfx/serving/serving_config. Pushers into one folder take turns by a lock on it, which dies
with its process.
"""

import errno
import fcntl
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Final

from schemas.errors import RefusalError, TrainworksError
from schemas.files import sha256, sync, write_new
from schemas.manifest import MANIFEST, SIGNATURE, Manifest, model_digest, read_manifest, verify, write_manifest
from schemas.release_record import ReleaseRecord

Added = Mapping[PurePosixPath, bytes]
"""Path within a version to the content of a small file."""

_NOTHING: Final[Added] = MappingProxyType({})
STAGED: Final = ".staged-"
"""How the names of folders begin that are no versions yet, or no more; whoever has the turn removes them."""
_CHUNK = 1 << 20
_LARGEST_VERSION = 2**62
"""Versions are int64 for a model server; larger names are none, and there must be room above."""


@dataclass(frozen=True)
class _Content:
    """What a version is to hold: a SavedModel's files, and what is added."""

    serving: Path
    files: tuple[Path, ...]
    added: Added

    @property
    def names(self) -> set[str]:
        return {*map(str, self.files), *map(str, self.added)}


@dataclass(frozen=True)
class Pushed:
    """The published folder; `adopted` if it stood there already with the same content."""

    path: Path
    adopted: bool


def push_version(
    serving: Path, folder: Path, *, model: str, key: bytes | None = None, added: Added = _NOTHING
) -> Pushed:
    """Publishes a SavedModel folder as the next version in `folder`.

    Args:
        serving: the SavedModel.
        folder: where the versions of this model stand.
        model: what the manifest says the version was made from.
        key: signs the manifest; see schemas/manifest.py.
        added: files that the version holds beside the model's, which come first where both have one. A version with
            the same model is adopted whatever it has added.

    Raises:
        RefusalError: this very model was rolled back.
        TrainworksError: there is no SavedModel, or it cannot be copied (a full disk, say); nothing is left behind.
    """
    if not (serving / "saved_model.pb").is_file():
        raise TrainworksError(f"A SavedModel must stand in {serving} to be pushed. Received: no saved_model.pb")
    files = _files(serving)
    added = {path: content for path, content in added.items() if Path(path) not in files}
    whole = _Content(serving, tuple(files), added)
    with _copying(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with turn(folder):
            _check_not_rolled_back(whole, folder)
            return _adopt(whole, folder, key) or _push(whole, folder, model, key)


def republish(version_folder: Path, key: bytes | None = None) -> Path:
    """Publishes what a version holds, its manifest, signature and warm-up requests too, as the newest of its model.

    Only to be called within the folder's `turn`.

    Raises:
        TrainworksError: it is not what its manifest says, or cannot be copied; nothing is left behind.
    """
    with _copying(version_folder.parent), _staging(version_folder.parent) as staged:
        for file in sorted(path for path in version_folder.rglob("*") if path.is_file()):
            _copy(file, staged / file.relative_to(version_folder))
        verify(staged, key)
        return _publish(staged, version_folder.parent)


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Waits until no other process pushes to, or rolls back in, a model's folder, and keeps them out within.

    Where the file system has no locks, renames alone protect.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if _lock(descriptor):
            _remove_abandoned(folder)
        yield
    finally:
        os.close(descriptor)


def digest_of(version_folder: Path) -> str:
    """`model_digest` of a version, by its manifest, or else by its files."""
    manifest = read_manifest(version_folder)
    if manifest is not None:
        return manifest.model_digest
    return model_digest({file.as_posix(): sha256(version_folder / file) for file in _files(version_folder)})


def versions(folder: Path) -> dict[int, Path]:
    """Everything in a folder that a model server would take for a version, in order, whatever it holds."""
    paths = [path for path in folder.iterdir() if path.name.isascii() and path.name.isdigit()]
    numbered = {int(path.name): path for path in paths if len(path.name) < 20}
    return {number: numbered[number] for number in sorted(numbered) if number < _LARGEST_VERSION}


def is_served(version_folder: Path) -> bool:
    """Whether a version serves or is on probation, and no file of it is gone or cut.

    Compares sizes: reading gigabytes is for whoever pushes.
    """
    folder = version_folder.parent
    numbered, record = versions(folder) if folder.is_dir() else {}, ReleaseRecord.read(folder)
    if version_folder not in (
        numbered.get(number) for number in (record.serving(numbered), record.candidate) if number
    ):
        return False
    manifest = read_manifest(version_folder)
    return manifest is not None and all(_size(version_folder / name) == size for name, size in manifest.sizes.items())


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _adopt(content: _Content, folder: Path, key: bytes | None) -> Pushed | None:
    """The newest version, or one that is loaded, if it holds the same files and may be served as it is."""
    numbered = versions(folder)
    loaded = ReleaseRecord.read(folder).live(numbered)
    for number in dict.fromkeys((*loaded, *list(numbered)[-1:])):
        if number in numbered and _is_same(content, numbered[number], key):
            return Pushed(numbered[number], adopted=True)
    return None


def _is_same(content: _Content, version_folder: Path, key: bytes | None) -> bool:
    manifest = _verified(version_folder, key)
    if manifest is None or manifest.files.keys() != content.names:
        return False
    return all(sha256(content.serving / file) == manifest.files[str(file)] for file in content.files)


def _verified(version_folder: Path, key: bytes | None) -> Manifest | None:
    try:
        return verify(version_folder, key)
    except TrainworksError:
        return None


def _check_not_rolled_back(content: _Content, folder: Path) -> None:
    record = ReleaseRecord.read(folder)
    if not record.rolled_back:
        return
    entry = record.entry(model_digest({file.as_posix(): sha256(content.serving / file) for file in content.files}))
    if entry is not None:
        raise RefusalError(
            f"A model that was rolled back is not pushed again, and {content.serving.parent} was, as version"
            f" {entry.version} of {folder}, on {entry.at} ({entry.reason}). What is served stays. Change the data or"
            f" the training; or, if it is to come back, `trainworks rollback FILE --forgive {entry.version}` and run"
            " again."
        )


def _push(content: _Content, folder: Path, model: str, key: bytes | None) -> Pushed:
    with _staging(folder) as staged:
        digests = {str(file): _copy(content.serving / file, staged / file) for file in content.files}
        for name, added in content.added.items():
            write_new(staged / name, added)
            digests[str(name)] = sha256(staged / name)
        sizes = {name: (staged / name).stat().st_size for name in digests}
        created_by = f"trainworks {_own_version()}"
        write_manifest(staged, Manifest.of(digests, sizes, model=model, created_by=created_by), key)
        return Pushed(_publish(staged, folder), adopted=False)


@contextmanager
def _copying(folder: Path) -> Iterator[None]:
    """What the operating system says against a copy, in words."""
    try:
        yield
    except OSError as error:
        what = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error)
        raise TrainworksError(
            f"The model cannot be pushed to {folder}: {what}. Nothing was left behind; mend this and run again."
        ) from error


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A hidden folder in which a version is made; gone afterwards, unless it was published."""
    staged = folder / f"{STAGED}{uuid.uuid4().hex}"
    try:
        staged.mkdir()
        yield staged
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _publish(staged: Path, folder: Path) -> Path:
    """Renames the staged folder to the next version, durably. A rename never replaces a folder that holds something."""
    _sync_folders(staged)
    while True:
        highest = max(versions(folder), default=0)
        path = folder / str(max(int(time.time()), highest + 1))
        try:
            staged.rename(path)
            break
        except OSError as error:
            # Somebody without our lock took the number in between.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
    sync(folder)
    sync(folder.parent)
    return path


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


def _remove_abandoned(folder: Path) -> None:
    """Removes what a killed pusher left; whoever holds the folder's lock knows that nobody is staging."""
    for path in folder.glob(f"{STAGED}*"):
        shutil.rmtree(path, ignore_errors=True)


def _files(serving: Path) -> list[Path]:
    """Files of a SavedModel but for a manifest, sorted. A link could lead anywhere, and is refused."""
    own, found = (Path(MANIFEST), Path(SIGNATURE)), []
    for path in sorted(serving.rglob("*")):
        if path.is_symlink():
            raise TrainworksError(f"A model that is pushed must hold no links. Received: {path}")
        if path.is_file() and path.relative_to(serving) not in own:
            found.append(path.relative_to(serving))
    return found


def _copy(source: Path, target: Path) -> str:
    """Copies a file to the disk; returns its SHA-256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest()


def _sync_folders(root: Path) -> None:
    for path in [*(path for path in root.rglob("*") if path.is_dir()), root]:
        sync(path)


def _own_version() -> str:
    try:
        return version("trainworks")
    except PackageNotFoundError:
        return "(not installed)"
