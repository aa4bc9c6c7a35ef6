"""Shards: TensorFlow reads what is written, and what TensorFlow wrote is read."""

import io
from pathlib import Path

import pytest

from components.transforms.shards import ShardWriter, commit_shards
from schemas.tfrecords import CorruptRecordError, read_records

RECORDS = [b"", b"a", b"x" * 100_000, "文".encode() * 50]


def test_equal_to_tensorflows_writer(tmp_path: Path) -> None:
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as theirs:
        ours = ShardWriter(tmp_path, "train", 0)
        for record in RECORDS:
            theirs.write(record)
            ours.write(record)
    (shard,) = ours.close()
    assert shard.count == len(RECORDS)
    assert Path(shard.path).read_bytes() == (tmp_path / "theirs").read_bytes()
    with (tmp_path / "theirs").open("rb") as file:
        assert list(read_records(file)) == RECORDS


@pytest.mark.parametrize("cut", [1, 11, 12, 15, 17])
def test_a_truncated_file_names_the_record(cut: int, tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, "train", 0)
    writer.write(b"first")
    first = 16 + len(b"first")
    writer.write(b"second")
    content = Path(writer.close()[0].path).read_bytes()
    records = read_records(io.BytesIO(content[: first + cut]))
    assert next(records) == b"first"
    with pytest.raises(CorruptRecordError, match="record 2 is cut off"):
        next(records)


def test_shards_are_of_bounded_size_and_in_order_of_units(tmp_path: Path) -> None:
    shards = []
    for unit in (1, 0):
        writer = ShardWriter(tmp_path / "Split-train", "train", unit, shard_bytes=20)
        for index in range(5):
            writer.write(b"unit %d row %d" % (unit, index))
        shards += writer.close()
    (tmp_path / "Split-train" / ".00007-00000-dead").write_bytes(b"left by a killed worker")
    assert commit_shards(tmp_path, shards) == {"train": 10}
    found = sorted((tmp_path / "Split-train").iterdir())
    assert [path.name for path in found] == [f"data_tfrecord-0000{index}-of-00006" for index in range(6)]
    rows = [record for path in found for record in read_records(path.open("rb"))]
    assert rows == [b"unit %d row %d" % (unit, index) for unit in (0, 1) for index in range(5)]


def test_a_full_disk_is_an_os_error() -> None:
    """/dev/full refuses every write, as a full disk does."""
    writer = ShardWriter(Path("/dev"), "train", 0)
    writer._file = Path("/dev/full").open("wb", buffering=16)  # noqa: SIM115  the one way to a full disk without privileges
    with pytest.raises(OSError, match="No space left"):
        for _ in range(100):
            writer.write(b"x" * 100)
