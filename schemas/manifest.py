"""What a pushed version holds, file by file, so that whoever is to load it knows that it is whole and unchanged.

`assets.extra/manifest.json` lists the SHA-256 of every other file; model servers leave `assets.extra` alone but for
warm-up requests. Beside it may stand a signature, an HMAC-SHA256 (RFC 2104) over the manifest's bytes, in hexadecimal:
what `openssl dgst -sha256 -hmac "$(cat KEY)" manifest.json` prints. Hashes alone find what was cut or damaged; the
signature also finds what somebody without the key has put there. It does not say which version a model was: a folder
that was once signed stays valid under any number.
"""

import hashlib
import hmac
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from schemas.errors import ConfigError, TrainworksError
from schemas.files import sha256, write_new

MANIFEST: Final = PurePosixPath("assets.extra/manifest.json")
SIGNATURE: Final = PurePosixPath("assets.extra/manifest.json.hmac")

_EXTRA: Final = "assets.extra/"

_LARGEST: Final = 16 << 20
"""Bytes of a manifest: some 100,000 files."""

_KEY_BYTES: Final = (32, 4096)
_OTHERS: Final = 0o027
"""Permissions that a file with a key must not give: writing to the group, anything to others."""

_SHOWN: Final = 5


class Manifest(BaseModel):
    """What a pushed version holds. The same model gives the same manifest."""

    model_config = ConfigDict(frozen=True)

    files: dict[str, str]
    """Path within the version, with `/`, to the file's SHA-256, in the order of the paths."""
    sizes: dict[str, int]
    """Path within the version to the file's bytes."""
    digest: str
    """SHA-256 over all of `files`, in the format of sha256sum."""
    model: str
    """The Model artifact that was pushed."""
    created_by: str

    @classmethod
    def of(cls, files: Mapping[str, str], sizes: Mapping[str, int], *, model: str, created_by: str) -> "Manifest":
        """A manifest with its digest."""
        ordered = dict(sorted(files.items()))
        sizes = {name: sizes[name] for name in ordered}
        return cls(files=ordered, sizes=sizes, digest=_digest(ordered), model=model, created_by=created_by)

    @property
    def model_digest(self) -> str:
        """SHA-256 over the model's own files, as `model_digest` has it."""
        return model_digest(self.files)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Manifest":
        if self.files.keys() != self.sizes.keys() or self.digest != _digest(self.files):
            raise ValueError("`files`, `sizes` and `digest` contradict each other")
        return self


def model_digest(files: Mapping[str, str]) -> str:
    """SHA-256 over a model's own files: all but those in `assets.extra`, which two pushes of a model fill differently.

    Args:
        files: path within the model, with `/`, to the file's SHA-256.
    """
    return _digest({name: digest for name, digest in files.items() if not name.startswith(_EXTRA)})


def write_manifest(folder: Path, manifest: Manifest, key: bytes | None = None) -> None:
    """Writes the manifest into a folder that has none yet, and its signature where there is a key."""
    content = manifest.model_dump_json(indent=2).encode() + b"\n"
    write_new(folder / MANIFEST, content)
    if key is not None:
        write_new(folder / SIGNATURE, _sign(content, key).encode() + b"\n")


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a version; None where there is none, or none that can be read. Checks no file."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError):
        return None


def verify(folder: Path, key: bytes | None = None, *, required: bool = False) -> Manifest | None:
    """Checks that a folder holds just what its manifest says; reads every file once.

    Args:
        folder: a version of a model. It may itself be reached by a link, but must hold none.
        key: the manifest must be signed with it. Without a key, a signature is not looked at.
        required: refuse a folder without a manifest, as is done with a key; otherwise it gives None.

    Raises:
        TrainworksError: a file is missing, changed or not in the manifest, is a link or no regular file; the manifest
            is missing (see `required`), broken or names what is not in the folder; the signature is missing or wrong.
    """
    content = _manifest_bytes(folder)
    if content is None:
        if required or key is not None:
            raise TrainworksError(f"A model must have a manifest, {MANIFEST}, to be verified. Received: {folder}")
        return None
    if key is not None:
        _check_signature(folder, content, key)
    manifest = _parsed(folder, content)
    _check_files(folder, manifest)
    return manifest


def load_key(path: Path) -> bytes:
    """A key for signatures: the file's content without white space at its end, at least 32 bytes.

    `(umask 077; openssl rand -hex 32 > push.key)` makes one.

    Raises:
        ConfigError: the file cannot be read, is too short to be safe or too long to be a key, or others may read it.
    """
    try:
        mode, content = path.stat().st_mode, b""
        if stat.S_ISREG(mode) and path.stat().st_size <= _KEY_BYTES[1]:
            content = path.read_bytes().rstrip()
    except OSError as error:
        raise ConfigError(
            f"A signing key must be a file that can be read. Received: {path} ({error.strerror})"
        ) from error
    if mode & _OTHERS:
        raise ConfigError(
            f"A signing key must be a file that its group cannot write and others cannot read: chmod 600 {path}."
            f" Received: mode {mode & 0o777:o}"
        )
    if len(content) < _KEY_BYTES[0]:
        raise ConfigError(
            f"A signing key must be a file of {_KEY_BYTES[0]} to {_KEY_BYTES[1]} bytes. Received: {path}, "
            f"{path.stat().st_size} bytes"
        )
    return content


def _manifest_bytes(folder: Path) -> bytes | None:
    content = _bytes(folder / MANIFEST)
    if content is not None and len(content) > _LARGEST:
        raise TrainworksError(f"{folder / MANIFEST} must have at most {_LARGEST} bytes.")
    return content


def _bytes(path: Path) -> bytes | None:
    """At most a byte more than a manifest may have; None where there is no such file. A link is not followed."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return file.read(_LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TrainworksError(f"{path} must be a file that can be read, and no link. Received: {error}") from error


def _check_signature(folder: Path, content: bytes, key: bytes) -> None:
    found = _bytes(folder / SIGNATURE)
    if found is None:
        raise TrainworksError(f"A model must be signed, in {SIGNATURE}, to be loaded with a key. Received: {folder}")
    if not hmac.compare_digest(found.strip(), _sign(content, key).encode()):
        raise TrainworksError(
            f"The signature of {folder} is wrong: its manifest was changed, or signed with another key."
        )


def _parsed(folder: Path, content: bytes) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        what = error.errors(include_input=False)[0]["msg"]
        raise TrainworksError(f"{folder / MANIFEST} is no manifest: {what}") from error
    strange = [name for name in manifest.files if not _is_inside(name)]
    if strange:
        raise TrainworksError(f"{folder / MANIFEST} names what is not in the folder: {_listed(strange)}")
    return manifest


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return name == str(path) and not path.is_absolute() and ".." not in path.parts and not set(name) & set("\\\0")


def _check_files(folder: Path, manifest: Manifest) -> None:
    found = dict(_regular_files(folder))
    for own in (MANIFEST, SIGNATURE):
        found.pop(str(own), None)
    changed = [name for name, size in manifest.sizes.items() if name in found and found[name].stat().st_size != size]
    problems = {
        "missing": sorted(manifest.files.keys() - found.keys()),
        "not in the manifest": sorted(found.keys() - manifest.files.keys()),
        "changed": changed,
    }
    if not any(problems.values()):
        problems["changed"] = [name for name, digest in manifest.files.items() if _sha256(found[name]) != digest]
    told = [f"{what}: {_listed(names)}" for what, names in problems.items() if names]
    if told:
        raise TrainworksError(f"{folder} must hold just what its manifest says. Received: {'; '.join(told)}")


def _sha256(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise TrainworksError(f"{path} must be a file that can be read. Received: {error.strerror}") from error


def _regular_files(folder: Path, below: str = "") -> Iterator[tuple[str, Path]]:
    """Every file, by its path within the folder. Raises a TrainworksError for anything but files and folders."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise TrainworksError(f"{folder} must be a folder that can be read. Received: {error.strerror}") from error
    for entry in entries:
        name = below + entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _regular_files(Path(entry.path), f"{name}/")
        elif entry.is_file(follow_symlinks=False):
            yield name, Path(entry.path)
        else:
            kind = "a link" if entry.is_symlink() else "neither a file nor a folder"
            raise TrainworksError(f"A model must hold files and folders only. Received: {entry.path}, {kind}")


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(ascii(name)[1:-1] for name in names[:_SHOWN]) + more


def _digest(files: Mapping[str, str]) -> str:
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()


def _sign(content: bytes, key: bytes) -> str:
    return hmac.digest(key, content, "sha256").hex()
