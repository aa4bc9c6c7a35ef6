"""Manifests of real folders: what is changed in them is found, and named."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.errors import ConfigError, TrainworksError
from schemas.manifest import (
    MANIFEST,
    SIGNATURE,
    Manifest,
    load_key,
    model_digest,
    read_manifest,
    verify,
    write_manifest,
)

KEY = b"0123456789abcdef" * 2


@pytest.fixture
def version(tmp_path: Path) -> Path:
    folder = tmp_path / "1"
    for name, content in (("saved_model.pb", b"graph"), ("variables/data", b"weights"), ("assets/ö.txt", b"words")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    write_manifest(folder, _manifest(folder), KEY)
    return folder


def _manifest(folder: Path) -> Manifest:
    contents = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    sizes = {name: len(content) for name, content in contents.items()}
    return Manifest.of(files, sizes, model="m", created_by="test")


def _rewrite(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / MANIFEST).read_bytes())
    (folder / MANIFEST).write_text(json.dumps({**manifest, **changes}))


def test_what_was_written_is_verified(version: Path) -> None:
    manifest = verify(version, KEY, required=True)
    assert manifest == verify(version) == read_manifest(version)
    assert list(manifest.files) == ["assets/ö.txt", "saved_model.pb", "variables/data"]
    assert manifest.sizes["variables/data"] == 7
    assert manifest.files["saved_model.pb"] == hashlib.sha256(b"graph").hexdigest()


def test_the_digest_is_that_of_sha256sum(version: Path) -> None:
    names = read_manifest(version).files
    lines = subprocess.run(["sha256sum", *names], cwd=version, capture_output=True, check=True).stdout
    assert hashlib.sha256(lines).hexdigest() == read_manifest(version).digest


def test_the_signature_is_that_of_openssl(version: Path) -> None:
    command = ["openssl", "dgst", "-sha256", "-hmac", KEY.decode(), str(version / MANIFEST)]
    printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert printed.split()[-1] == (version / SIGNATURE).read_text().strip()


def test_every_difference_is_named(version: Path) -> None:
    (version / "saved_model.pb").unlink()
    (version / "variables" / "data").write_bytes(b"weight")
    (version / "assets" / "new").touch()
    told = "missing: saved_model.pb; not in the manifest: assets/new; changed: variables/data"
    with pytest.raises(TrainworksError, match=f"must hold just what its manifest says. Received: {told}$"):
        verify(version)


def test_a_change_of_the_same_size_is_found(version: Path) -> None:
    (version / "variables" / "data").write_bytes(b"Weights")
    with pytest.raises(TrainworksError, match=r"Received: changed: variables/data$"):
        verify(version, KEY)


def test_many_differences_are_told_in_short_and_on_one_line(version: Path) -> None:
    for i in range(8):
        (version / f"extra{i}\n").touch()
    with pytest.raises(TrainworksError, match=r"extra0\\n, extra1\\n, extra2\\n, extra3\\n, extra4\\n and 3 more$"):
        verify(version)


def test_a_folder_without_a_manifest(version: Path) -> None:
    (version / MANIFEST).unlink()
    assert verify(version) is None
    for settings in ({"required": True}, {"key": KEY}):
        with pytest.raises(TrainworksError, match=r"must have a manifest, assets.extra/manifest.json"):
            verify(version, **settings)


def test_signatures(version: Path) -> None:
    with pytest.raises(TrainworksError, match="was changed, or signed with another key"):
        verify(version, KEY[::-1])
    signature = (version / SIGNATURE).read_text()
    (version / SIGNATURE).write_text("é")
    with pytest.raises(TrainworksError, match=r"signature of .* is wrong"):
        verify(version, KEY)
    (version / SIGNATURE).unlink()
    with pytest.raises(TrainworksError, match=r"must be signed, in assets.extra/manifest.json.hmac"):
        verify(version, KEY)
    assert verify(version) is not None
    (version / SIGNATURE).write_text(signature)
    _rewrite(version, model="other")
    with pytest.raises(TrainworksError, match=r"signature of .* is wrong"):
        verify(version, KEY)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", "a//b", "./saved_model.pb", "a\\b", ""])
def test_a_manifest_names_nothing_outside(version: Path, name: str) -> None:
    files, sizes = {name: "0" * 64}, {name: 1}
    manifest = Manifest.of(files, sizes, model="m", created_by="test")
    (version / MANIFEST).write_text(manifest.model_dump_json())
    with pytest.raises(TrainworksError, match="names what is not in the folder"):
        verify(version)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"files": {}}'])
def test_a_broken_manifest(version: Path, content: bytes) -> None:
    (version / MANIFEST).write_bytes(content)
    with pytest.raises(TrainworksError, match="is no manifest"):
        verify(version)
    assert read_manifest(version) is None


def test_a_manifest_that_contradicts_itself(version: Path) -> None:
    _rewrite(version, digest="0" * 64)
    with pytest.raises(TrainworksError, match="contradict each other"):
        verify(version)


def test_a_manifest_that_would_fill_the_memory(version: Path) -> None:
    with (version / MANIFEST).open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TrainworksError, match="at most 16777216 bytes"):
        verify(version)


def test_links_and_pipes_are_refused(version: Path, tmp_path: Path) -> None:
    (version / "saved_model.pb").rename(tmp_path / "saved_model.pb")
    (version / "saved_model.pb").symlink_to(tmp_path / "saved_model.pb")
    with pytest.raises(TrainworksError, match=r"files and folders only. Received: .*saved_model.pb, a link"):
        verify(version)
    (version / "saved_model.pb").unlink()
    os.mkfifo(version / "saved_model.pb")
    with pytest.raises(TrainworksError, match="neither a file nor a folder"):
        verify(version)
    (version / "saved_model.pb").unlink()
    (version / "more").symlink_to("/etc")
    with pytest.raises(TrainworksError, match="more, a link"):
        verify(version)


def test_the_manifest_itself_may_not_be_a_link(version: Path, tmp_path: Path) -> None:
    (version / MANIFEST).rename(tmp_path / "manifest.json")
    (version / MANIFEST).symlink_to(tmp_path / "manifest.json")
    with pytest.raises(TrainworksError, match="no link"):
        verify(version)


def test_a_version_may_be_reached_by_a_link(version: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(version)
    assert verify(tmp_path / "current", KEY) is not None


def test_keys(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(ConfigError, match="a file that can be read"):
        load_key(path)
    path.write_bytes(KEY + b" \n")
    path.chmod(0o644)
    with pytest.raises(ConfigError, match=r"chmod 600 .* Received: mode 644"):
        load_key(path)
    path.chmod(0o600)
    assert load_key(path) == KEY
    for content in (KEY[1:] + b"\n", b"x" * 5000):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=f"32 to 4096 bytes. Received: .*key, {len(content)} bytes"):
            load_key(path)


def test_it_needs_no_tensorflow() -> None:
    code = "import sys, schemas.manifest; print([m for m in sys.modules if m.split('.')[0] in ('tensorflow', 'numpy')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_models_digest_leaves_out_what_a_push_adds() -> None:
    own = {"saved_model.pb": "a" * 64, "variables/variables.index": "b" * 64}
    pushed = {**own, "assets.extra/tf_serving_warmup_requests": "c" * 64}
    manifests = [Manifest.of(files, dict.fromkeys(files, 1), model="m", created_by="t") for files in (own, pushed)]
    assert manifests[0].digest != manifests[1].digest
    assert manifests[0].model_digest == manifests[1].model_digest == model_digest(own)
    assert model_digest({**own, "saved_model.pb": "d" * 64}) != model_digest(own)
