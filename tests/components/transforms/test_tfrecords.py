"""Reading examples in batches."""

from pathlib import Path

import tensorflow as tf

from components.transforms.tfrecords import read_batches, read_records
from components.transforms.wire import FeatureEncoder, example
from schemas.tfrecords import write_record


def shard(path: Path, texts: list[bytes]) -> str:
    encode = FeatureEncoder("text", "BYTES").encode
    with path.open("wb") as file:
        for text in texts:
            write_record(file, example(encode(text)))
    return str(path)


def test_batches_come_in_the_order_of_the_shards(tmp_path: Path) -> None:
    shards = [shard(tmp_path / "a", [b"1", b"2", b"3"]), shard(tmp_path / "b", [b"4", b"5"])]

    batches = list(read_batches(shards, {"text": "BYTES"}, batch_size=2))

    assert [batch["text"].numpy().tolist() for batch in batches] == [[b"1", b"2"], [b"3", b"4"], [b"5"]]


def test_nothing_is_tuned_of_what_is_made_of_records(tmp_path: Path) -> None:
    records = read_records([shard(tmp_path / "a", [b"1", b"2", b"3"])])

    dataset = records.batch(2).map(tf.strings.length, num_parallel_calls=2).prefetch(2)

    assert [lengths.numpy().tolist() for lengths in dataset] == [[17, 17], [17]]
    assert dataset.options().autotune.enabled is False
