"""ExampleGen on pictures of every kind, sound and broken, from folders and from rows that name or hold them."""

import base64
import csv
import io
import json
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from components.component import FileGroup
from components.example_gen import ExampleGen
from schemas.artifacts import Examples
from schemas.config import DataConfig, ImagesConfig
from schemas.errors import ConfigError, DataError
from schemas.tfrecords import read_records
from tests.models.images.pictures import encode, noise, smooth

Generate = Callable[..., Examples]
Files = Mapping[str, bytes]


@pytest.fixture
def generate(context: Any, tmp_path: Path) -> Generate:
    """Runs ExampleGen on `data`, by default on the folders `train` and `eval`."""

    def run(**data: Any) -> Examples:
        config = {"format": "image-folder", "splits": {"train": "train", "eval": "eval"}, **data}
        uri = tmp_path / f"examples-{len(list(tmp_path.glob('examples-*')))}"
        uri.mkdir()
        component = ExampleGen(data=DataConfig.model_validate(config), task="classification")
        bound = component.bind({}, {"examples": Examples(uri)})
        bound.run(context)
        return bound.examples

    return run


def rows(examples: Examples, split: str = "train") -> list[dict[str, bytes]]:
    import tensorflow as tf

    found = []
    for shard in examples.shards(split):
        with shard.open("rb") as file:
            for record in read_records(file):
                features = tf.train.Example.FromString(record).features.feature
                found.append({name: feature.bytes_list.value[0] for name, feature in features.items()})
    return found


def by_name(examples: Examples, split: str = "train") -> list[dict[str, bytes]]:
    """Examples of a folder, sorted by their files' names."""
    return sorted(rows(examples, split), key=lambda row: row["_source"])


def write(folder: Path, files: Files) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def png(seed: int = 0) -> bytes:
    return encode(noise(9, 7, 3, seed), "PNG")


def folders(tmp_path: Path, files: Files) -> None:
    """These files in `train`, next to a sound `eval`."""
    write(tmp_path / "train", files)
    write(tmp_path / "eval", {"cats/e.png": png(100), "dogs/e.png": png(101)})


def defects(examples: Examples) -> dict[str, tuple[str, ...]]:
    return {defect.kind: tuple(sorted(defect.rows)) for defect in examples.ingestion().defects}


def bomb(width: int, height: int) -> bytes:
    """A PNG of one color: a bit a pixel, zlib at its best."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    packer, row = zlib.compressobj(9), bytes(1 + -(-width // 8))
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# Folders


def test_a_folder_a_class(tmp_path: Path, generate: Generate) -> None:
    files = {"dogs/b.png": png(1), "cats/z/1.jpg": encode(smooth(8, 8), "JPEG"), "cats/a.png": png(2)}
    folders(tmp_path, files)
    examples = generate()
    assert by_name(examples) == [
        {"_source": f"train/{name}".encode(), "label": name.partition("/")[0].encode(), "path": files[name]}
        for name in ("cats/a.png", "cats/z/1.jpg", "dogs/b.png")
    ]
    assert examples.ingestion().columns == {"path": "BYTES", "label": "BYTES", "_source": "BYTES"}
    assert examples.ingestion().rows == {"train": 3, "eval": 2}
    assert examples.ingestion().defects == ()


def test_two_runs_are_equal_to_the_byte_however_names_are_listed(tmp_path: Path, generate: Generate) -> None:
    folders(tmp_path, {f"{label}/{i}.png": png(i) for label in "ab" for i in range(20)})
    first, second = (
        {path.relative_to(made.uri): path.read_bytes() for path in made.uri.rglob("*") if path.is_file()}
        for made in (generate(), generate())
    )
    assert first == second


def test_a_split_may_be_several_folders(tmp_path: Path, generate: Generate) -> None:
    folders(tmp_path, {})
    write(tmp_path / "days", {f"{day}/cats/{day}.png": png(day) for day in (1, 2)})
    write(tmp_path / "days", {"3/dogs/3.png": png(3), "notes.txt": b"no folder"})
    examples = generate(splits={"train": "days/*", "eval": "eval"})
    assert [(row["label"], row["_source"]) for row in by_name(examples)] == [
        (b"cats", b"days/1/cats/1.png"),
        (b"cats", b"days/2/cats/2.png"),
        (b"dogs", b"days/3/dogs/3.png"),
    ]


def test_many_files_are_read_in_parts(tmp_path: Path, generate: Generate, monkeypatch: pytest.MonkeyPatch) -> None:
    folders(tmp_path, {f"{label}/{i}.png": png(i) for label in "ab" for i in range(9)})
    whole = [row["_source"] for row in rows(generate())]
    assert [name for name in whole if b"/a/" in name] != whole[:9]  # classes are mixed
    monkeypatch.setattr("components.transforms.readers.image_folders.FILES_A_PART", 4)
    parts = generate()
    assert [row["_source"] for row in rows(parts)] == whole
    assert len(parts.shards("train")) == 5


def test_the_holdout_goes_by_what_is_in_the_pictures(tmp_path: Path, generate: Generate) -> None:
    write(tmp_path / "train", {f"{label}/{i}.png": png(i) for label in "ab" for i in range(60)})
    data: dict[str, Any] = {"splits": {"train": "train"}, "holdout": {"eval": 0.25}}
    before = generate(**data)
    sides = {split: {(row["label"], row["path"]) for row in rows(before, split)} for split in ("train", "eval")}
    assert 12 <= len(sides["eval"]) <= 50
    for i in range(60):
        (tmp_path / f"train/a/{i}.png").rename(tmp_path / f"train/a/renamed {i}.png")
    write(tmp_path / "train", {f"c/{i}.png": png(i) for i in range(40)})
    after = generate(**data)
    for split, side in sides.items():
        assert side == {(row["label"], row["path"]) for row in rows(after, split) if row["label"] != b"c"}


def test_names_of_every_kind(tmp_path: Path, generate: Generate) -> None:
    names = ["a dog/two words.png", "猫/図 1.png", "猫/line\nbreak.png", "猫/esc\x1b[31m.png", "e\u0301te\u0301/x.png"]
    folders(tmp_path, dict.fromkeys(names, png()))
    odd = os.fsdecode(os.fsencode(tmp_path / "train" / "猫") + b"/\xff.png")
    Path(odd).write_bytes(png())
    examples = generate()
    assert [(row["label"].decode(), row["_source"].decode()) for row in by_name(examples)] == [
        ("a dog", "train/a dog/two words.png"),
        ("été", "train/e\u0301te\u0301/x.png"),  # as macOS decomposes it
        ("猫", "train/猫/\\xff.png"),
        ("猫", "train/猫/esc\\x1b[31m.png"),
        ("猫", "train/猫/line\\nbreak.png"),
        ("猫", "train/猫/図 1.png"),
    ]
    assert examples.ingestion().defects == ()


def test_a_class_of_two_lines_is_reported(tmp_path: Path, generate: Generate) -> None:
    folders(tmp_path, {"two\nlines/x.png": png(), "cats/x.png": png()})
    assert defects(generate()) == {"malformed_row": ("train/two\\nlines/x.png",)}


def test_hidden_files_are_not_looked_at_and_others_named(tmp_path: Path, generate: Generate) -> None:
    files = {"cats/x.png": png(), "cats/Thumbs.db": b"\xd0\xcf", "cats/.DS_Store": b"\0", ".git/x.png": b"no"}
    folders(tmp_path, {**files, "dogs/README.txt": b"about dogs", "dogs/x.png": png(), "stray.png": png(2)})
    (tmp_path / "train" / "birds").mkdir()
    examples = generate()
    assert [row["_source"] for row in by_name(examples)] == [b"train/cats/x.png", b"train/dogs/x.png"]
    assert defects(examples) == {
        "empty_class": ("train/birds/",),
        "missing_label": ("train/stray.png",),
        "not_an_image": ("train/dogs/README.txt (begins with b'about do')",),
    }
    assert all(defect.dropped for defect in examples.ingestion().defects)


def test_links_are_followed_but_in_no_circle(tmp_path: Path, generate: Generate) -> None:
    write(tmp_path / "store", {"one.png": png(1), "cats/two.png": png(2)})
    folders(tmp_path, {"dogs/x.png": png(3)})
    train = tmp_path / "train"
    (train / "cats").symlink_to(tmp_path / "store" / "cats")
    (train / "dogs" / "linked.png").symlink_to(tmp_path / "store" / "one.png")
    (train / "dogs" / "gone.png").symlink_to(tmp_path / "store" / "gone.png")
    (train / "dogs" / "again").symlink_to(train)
    (train / "circle").symlink_to(train)
    os.mkfifo(train / "dogs" / "pipe.png")
    examples = generate()
    assert [row["_source"].decode() for row in by_name(examples)] == [
        "train/cats/two.png",
        "train/dogs/linked.png",
        "train/dogs/x.png",
    ]
    assert defects(examples) == {
        "missing_image": (
            "train/circle (not a file)",
            "train/dogs/again (not a file)",
            "train/dogs/gone.png (No such file or directory)",
            "train/dogs/pipe.png (not a file)",
        )
    }


@pytest.mark.parametrize(
    ("files", "splits", "message"),
    [
        ({}, {"train": "trian"}, "Received: 'trian', looked for in {base}: there is none. Did you mean `train`?"),
        ({}, {"train": "train"}, "`train` (split `train`) is an empty folder. Put a folder a class into it."),
        ({"cats.zip": b""}, {"train": "train/cats.zip"}, "a file. Unpack it if it is an archive"),
        (
            {"cats/x.png": b""},
            {"train": "train/cats"},
            "`train/cats` (split `train`) must hold a folder a class, whose name is the label. "
            "Received: 1 files and no folder. Did you mean `train`?",
        ),
        (
            {"train/cats/x.png": b"", "test/cats/x.png": b""},
            {"train": "train"},
            "Did you mean `splits: {{test: train/test, train: train/train}}`?",
        ),
        ({"cats/x.png": b"", "dogs/x.png": b"?"}, {"train": "train"}, "empty_image 1 (first train/cats/x.png (no byt"),
    ],
)
def test_what_a_person_is_told(files: Files, splits: Any, message: str, tmp_path: Path, generate: Generate) -> None:
    (tmp_path / "train").mkdir()
    write(tmp_path / "train", files)
    with pytest.raises(DataError) as error:
        generate(splits=splits)
    assert message.format(base=tmp_path) in str(error.value)


def test_a_folder_s_files_are_one_external_input(tmp_path: Path) -> None:
    folders(tmp_path, {"b/1.png": b"", "a/1.png": b"", "a/.hidden": b"", "empty/.keep": b""})
    data = DataConfig.model_validate({"format": "image-folder", "splits": {"train": "train", "test": "eval"}})
    assert ExampleGen(data=data, task="classification").external_inputs(tmp_path) == [
        FileGroup(tmp_path / "eval", ("cats/e.png", "dogs/e.png")),
        FileGroup(tmp_path / "train", ("a/1.png", "b/1.png", "empty/")),
    ]


# What is wrong with a picture


def test_pictures_of_every_kind_are_taken_as_they_are(tmp_path: Path, generate: Generate) -> None:
    frames = [Image.fromarray(noise(6, 5, 3, seed)) for seed in range(3)]
    deep = io.BytesIO()
    Image.fromarray(noise(4, 4, 1)[..., 0].astype(np.uint16) * 257).save(deep, "PNG")
    files = {
        "a/cmyk.jpg": encode(smooth(8, 8), "JPEG", "CMYK"),
        "a/grey.jpg": encode(smooth(8, 8), "JPEG", "L"),
        "a/turned.jpg": encode(smooth(8, 6), "JPEG", orientation=6),
        "a/wrong.png": encode(smooth(8, 8), "JPEG"),
        "a/palette.png": encode(smooth(8, 8), "PNG", "P"),
        "a/alpha.png": encode(smooth(8, 8, 4), "PNG"),
        "a/bit.png": encode(smooth(8, 8), "PNG", "1"),
        "a/16.png": deep.getvalue(),
        "a/x.bmp": encode(smooth(8, 8), "BMP"),
        "a/x.webp": encode(smooth(8, 8), "WEBP"),
        "a/x.gif": encode(smooth(6, 5), "GIF", save_all=True, append_images=frames),
        "a/moving.webp": encode(smooth(6, 5), "WEBP", save_all=True, append_images=frames),
        "a/name without end": png(),
    }
    folders(tmp_path, files)
    examples = generate()
    assert examples.ingestion().defects == ()
    assert {row["_source"].decode().removeprefix("train/"): row["path"] for row in by_name(examples)} == files


def test_what_is_broken_is_left_out_and_named(tmp_path: Path, generate: Generate) -> None:
    sound = encode(noise(30, 30), "JPEG")
    files = {
        "a/cut.jpg": sound[: len(sound) // 2],
        "a/cut.png": png()[:60],
        "a/head.jpg": sound[:20],
        "a/zero.png": b"",
        "a/text.jpg": b"<html>404</html>",
        "a/large.png": encode(smooth(30, 41), "PNG"),
        "a/long.png": encode(noise(40, 30), "BMP"),
        "a/long.mp4": b"\0\0\0\x18ftyp" + bytes(5000),
        "b/fine.jpg": encode(smooth(9, 9), "JPEG"),
        "b/fine.png": png(3),
    }
    folders(tmp_path, files)
    examples = generate(images={"max_pixels": 1200, "max_bytes": 3600})
    assert [row["_source"] for row in by_name(examples)] == [b"train/b/fine.jpg", b"train/b/fine.png"]
    found = defects(examples)
    undecodable = found.pop("undecodable_image")
    assert [row.partition(" ")[0] for row in undecodable] == ["train/a/cut.jpg", "train/a/cut.png", "train/a/head.jpg"]
    assert undecodable[2] == "train/a/head.jpg (the JPEG ends before its header does, after 20 bytes)"
    assert found == {
        "empty_image": ("train/a/zero.png (no bytes)",),
        "not_an_image": (
            "train/a/long.mp4 (begins with b'\\x00\\x00\\x00\\x18ftyp')",
            "train/a/text.jpg (begins with b'<html>40')",
        ),
        "oversized_image": (
            "train/a/large.png (41x30 pixels, above max_pixels=1200)",
            "train/a/long.png (3734 bytes, above max_bytes=3600)",
        ),
    }


@pytest.mark.slow
def test_a_decompression_bomb_is_never_decoded(tmp_path: Path, generate: Generate) -> None:
    folders(tmp_path, {"a/bomb.png": bomb(50_000, 50_000), "a/x.png": png()})
    assert defects(generate()) == {
        "oversized_image": ("train/a/bomb.png (50000x50000 pixels, above max_pixels=50000000)",)
    }


# Rows that name pictures, or hold them


def table(path: Path, lines: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)


TABLE: dict[str, Any] = {"features": {"image": "file"}, "label": "kind", "holdout": {"eval": 0.5}}


def test_paths_start_from_the_table_and_never_lead_out(tmp_path: Path, generate: Generate) -> None:
    pictures = {f"{i}.png": png(i) for i in range(12)}
    write(tmp_path / "data", {f"pics/{name}": content for name, content in pictures.items()})
    write(tmp_path, {"secret.png": png(99)})
    (tmp_path / "data" / "pics" / "link.png").symlink_to(tmp_path / "secret.png")
    inside = [f"pics/{name}" for name in pictures] + [str(tmp_path / "data/pics/0.png"), "pics/../pics/1.png"]
    outside = ["../secret.png", str(tmp_path / "secret.png"), "pics/link.png", "pics/gone.png", "pics", "", "a\0b"]
    table(tmp_path / "data/rows.csv", [{"kind": "cat", "file": name} for name in [*inside, *outside]])
    examples = generate(format="csv", splits={"train": "data/rows.csv"}, images={"from": "path"}, **TABLE)
    kept = {row["_source"].decode(): row["file"] for split in ("train", "eval") for row in rows(examples, split)}
    assert kept == {
        f"data/rows.csv:{line}": content
        for line, content in enumerate([*pictures.values(), pictures["0.png"], pictures["1.png"]], 2)
    }
    missing = defects(examples)["missing_image"]
    assert [row.partition(" ")[0] for row in missing] == [f"data/rows.csv:{line}" for line in range(16, 23)]
    assert [row.partition(" (")[2].rstrip(")") for row in missing] == [
        "../secret.png leads out of the folder that paths start from",
        f"{tmp_path}/secret.png leads out of the folder that paths start from",
        "pics/link.png leads out of the folder that paths start from",
        "pics/gone.png: No such file or directory",
        "pics: not a file",
        "no path",
        "a\\x00b is no path; `data.images.from: bytes` is for columns that hold the pictures themselves",
    ]


def test_paths_may_start_elsewhere_and_their_files_are_inputs(tmp_path: Path, generate: Generate) -> None:
    write(tmp_path / "pictures", {"a b.png": png(1), "猫.png": png(2)})
    lines = [{"file": "a b.png", "kind": "x"}, {"file": "猫.png", "kind": "y"}, {"file": "gone.png", "kind": "y"}]
    write(tmp_path, {"rows.jsonl": "".join(json.dumps(line) + "\n" for line in lines).encode()})
    splits = {"train": "rows.jsonl", "eval": "rows.jsonl"}
    data = {**TABLE, "format": "jsonl", "splits": splits, "images": {"root": "pictures"}, "holdout": None}
    examples = generate(**data)
    assert [row["file"] for row in rows(examples)] == [png(1), png(2)]
    component = ExampleGen(data=DataConfig.model_validate(data), task="classification")
    assert component.external_inputs(tmp_path) == [
        tmp_path / "rows.jsonl",
        FileGroup(tmp_path / "pictures", ("a b.png", "猫.png", "gone.png")),
    ]
    with pytest.raises(ConfigError, match=r"`data\.images\.root` must be a folder\. Received: 'nowhere'"):
        generate(**{**data, "images": {"root": "nowhere"}})


def test_formats_agree_on_pictures(tmp_path: Path, generate: Generate) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq
    import tensorflow as tf

    pictures = [encode(noise(5, 5, 3, i), kind) for i, kind in enumerate(["PNG", "JPEG", "BMP", "GIF", "WEBP"] * 4)]
    text = [{"kind": "x", "file": base64.b64encode(content).decode()} for content in pictures]
    table(tmp_path / "a.csv", text)
    write(tmp_path, {"a.jsonl": "".join(json.dumps(row) + "\n" for row in text).encode()})
    url = [{"kind": "x", "file": f"data:image/png;base64,{row['file']}"} for row in text]
    write(tmp_path, {"b.jsonl": "".join(json.dumps(row) + "\n" for row in url).encode()})
    raw = [{"kind": "x", "file": content} for content in pictures]
    pq.write_table(pa.Table.from_pylist(raw), tmp_path / "a.parquet")
    hugging_face = [{"kind": "x", "file": {"bytes": content, "path": None}} for content in pictures]
    pq.write_table(pa.Table.from_pylist(hugging_face), tmp_path / "b.parquet")
    with tf.io.TFRecordWriter(str(tmp_path / "a.tfrecord")) as writer:
        for row in raw:
            example = tf.train.Example()
            example.features.feature["file"].bytes_list.value.append(row["file"])
            example.features.feature["kind"].bytes_list.value.append(b"x")
            writer.write(example.SerializeToString())
    found = []
    for name in ("a.csv", "a.jsonl", "b.jsonl", "a.parquet", "b.parquet", "a.tfrecord"):
        kind = name.partition(".")[2]
        images: dict[str, str] = {} if kind == "tfrecord" else {"from": "bytes"}
        examples = generate(format=kind, splits={"train": name}, images=images, **TABLE)
        assert examples.ingestion().defects == ()
        found.append({split: [row["file"] for row in rows(examples, split)] for split in ("train", "eval")})
    assert sorted(found[0]["train"] + found[0]["eval"]) == sorted(pictures)
    assert all(other == found[0] for other in found)


def test_bytes_that_are_none(tmp_path: Path, generate: Generate) -> None:
    half = base64.b64encode(png()).decode()[:41]
    lines: list[dict[str, Any]] = [{"kind": "x", "file": value} for value in (half, None, 7, "", "words")]
    lines += [{"kind": "x", "file": base64.b64encode(png(i)).decode()} for i in range(12)]
    write(tmp_path, {"a.jsonl": "".join(json.dumps(row) + "\n" for row in lines).encode()})
    examples = generate(format="jsonl", splits={"train": "a.jsonl"}, images={"from": "bytes"}, **TABLE)
    found = defects(examples)
    assert found.pop("undecodable_image")[0].startswith("a.jsonl:1 (not sound base64: ")
    assert found == {
        "missing_image": ("a.jsonl:2 (no picture)", "a.jsonl:3 (a int, no bytes)"),
        "empty_image": ("a.jsonl:4 (no bytes)",),
        "not_an_image": ("a.jsonl:5 (begins with b'words')",),
    }


def test_records_hold_no_paths() -> None:
    with pytest.raises(ValueError, match="`images` of format `tfrecord` are `from: bytes`"):
        DataConfig.model_validate({"format": "tfrecord", "splits": {"train": "x"}, "images": {"from": "path"}, **TABLE})


@pytest.mark.parametrize("data", [{"format": "image-folder"}, {"format": "csv", "images": {"from": "bytes"}, **TABLE}])
def test_a_root_is_for_paths(data: dict[str, Any]) -> None:
    images = {**data.get("images", {}), "root": "pictures"}
    with pytest.raises(ValueError, match=r"`images\.root` is where paths in rows start from"):
        DataConfig.model_validate({**data, "splits": {"train": "x"}, "images": images})


def test_a_folder_holds_pictures_though_nothing_is_said_of_them() -> None:
    data = DataConfig.model_validate({"format": "image-folder", "splits": {"train": "x"}, "images": None})
    assert (data.images, data.modality) == (ImagesConfig(), "image")


def test_a_limit_on_pixels_is_a_number_that_a_graph_can_hold() -> None:
    assert ImagesConfig(max_pixels=1 << 62).max_pixels == 1 << 62
    with pytest.raises(ValueError, match="less than or equal to 4611686018427387904"):
        ImagesConfig(max_pixels=1 << 63)
