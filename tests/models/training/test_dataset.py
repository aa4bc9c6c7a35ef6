"""Batches: every example exactly once, in an order that the seed and the epoch decide."""

import os
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from models.training.dataset import Batches
from models.training.iteration import NICENESS, iterate
from models.training.preparation import feature_spec
from schemas.errors import ConfigError, DataError

ALL = list(range(100, 400))


def numbers(batches: list) -> list[list[int]]:
    """The last token of each example, which is its number, batch by batch."""
    return [[int(row[row > 0][-1]) for row in inputs["tokens"].numpy()] for inputs, _, _ in batches]


def flat(batches: list) -> list[int]:
    return [number for batch in numbers(batches) for number in batch]


@pytest.mark.parametrize(
    "options", [{}, {"bucket_by_length": False}, {"cache_bytes": 1}, {"gz": True, "cache_bytes": 1}]
)
def test_each_example_comes_once_an_epoch(make_batches, options):
    batches = make_batches(300, **options)
    epochs = list(batches.training(2))

    assert batches.num_examples == 300 and batches.steps == 38
    assert len(epochs) == 2 * 38
    assert sorted(flat(epochs[:38])) == ALL
    assert sorted(flat(epochs[38:])) == ALL
    assert sorted(flat(list(batches.evaluation()))) == ALL
    assert sorted(len(batch) for batch in numbers(epochs[:38])) == [4] + [8] * 37


@pytest.mark.parametrize("cache_bytes", [1 << 20, 1])
def test_order_depends_on_seed_and_epoch_alone(make_batches, cache_bytes):
    first = numbers(list(make_batches(300, cache_bytes=cache_bytes).training(2)))
    again = numbers(list(make_batches(300, cache_bytes=cache_bytes).training(2)))
    other = numbers(list(make_batches(300, cache_bytes=cache_bytes, seed=2).training(1)))

    assert first == again
    assert first[:38] != first[38:]
    assert first[:38] != other


@pytest.mark.parametrize("cache_bytes", [1 << 20, 1])
def test_resumes_at_any_step(make_batches, cache_bytes):
    batches = make_batches(300, cache_bytes=cache_bytes)
    undisturbed = numbers(list(batches.training(3)))

    assert numbers(list(batches.training(3, epoch=1, skip=7))) == undisturbed[38 + 7 :]


def test_buckets_save_padding(make_batches):
    def cells(batches: Batches) -> int:
        return sum(int(tf.size(inputs["tokens"])) for inputs, _, _ in batches.training(1))

    assert cells(make_batches(300)) < 0.7 * cells(make_batches(300, bucket_by_length=False))


def test_lengths_may_be_few(make_batches):
    plain, rounded = make_batches(300), make_batches(300, length_multiple=8)
    for (inputs, labels, _), (more, same, _) in zip(plain.training(2), rounded.training(2), strict=True):
        length, longer = inputs["tokens"].shape[1], more["tokens"].shape[1]
        assert longer % 8 == 0 and 0 <= longer - length < 8
        np.testing.assert_array_equal(more["tokens"][:, :length], inputs["tokens"])
        assert not more["tokens"][:, length:].numpy().any()
        np.testing.assert_array_equal(same, labels)
    assert {inputs["tokens"].shape[1] % 8 for inputs, _, _ in rounded.evaluation()} == {0}


def test_evaluation_sorts_by_length(make_batches):
    widths = [inputs["tokens"].shape[1] for inputs, _, _ in make_batches(300).evaluation()]

    assert widths == sorted(widths)


def test_yields_inputs_label_and_weight(make_batches):
    batches = make_batches(20)
    batches.class_weights = [1.0, 2.0, 3.0]
    inputs, label, weight = next(iter(batches.training(1)))

    assert set(inputs) == {"tokens"} and inputs["tokens"].dtype == tf.int64
    assert label.shape == weight.shape == (8,)
    np.testing.assert_array_equal(weight, label.numpy() + 1.0)
    np.testing.assert_array_equal(next(iter(batches.evaluation()))[2], np.ones(8))


def test_labels_are_read_alone(make_batches):
    kept, streamed = make_batches(50), make_batches(50, cache_bytes=1)

    np.testing.assert_array_equal(np.concatenate(list(kept.labels())), np.concatenate(list(streamed.labels())))
    assert len(np.concatenate(list(kept.labels()))) == 50


def test_empty_split_is_named(tmp_path):
    tf.io.TFRecordWriter(str(tmp_path / "empty")).close()
    spec = {"label": tf.io.FixedLenFeature([], tf.int64)}

    with pytest.raises(DataError, match="`eval` must hold examples"):
        Batches([tmp_path / "empty"], spec, 8, name="eval")


def test_a_label_may_be_as_wide_as_its_schema_says(tmp_path):
    schema, shard = tmp_path / "schema.pbtxt", tmp_path / "data_tfrecord-00000-of-00001"
    label = 'feature { name: "label" type: INT shape { dim { size: 3 } } }'
    schema.write_text(f'feature {{ name: "tokens" type: INT }}\n{label}\n')
    labels = [[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1], [0, 0, 1]]
    with tf.io.TFRecordWriter(str(shard)) as writer:
        for number, hot in enumerate(labels):
            example = tf.train.Example()
            example.features.feature["tokens"].int64_list.value.extend([1] * number + [100 + number])
            example.features.feature["label"].int64_list.value.extend(hot)
            writer.write(example.SerializeToString())
    batches = Batches([shard], feature_spec(schema), 2)

    for dataset in (batches.training(1), batches.evaluation()):
        found = {}
        for inputs, label, weight in dataset:
            assert weight.shape == label.shape[:1]
            rows = [int(row[row > 0][-1]) - 100 for row in inputs["tokens"].numpy()]
            found |= dict(zip(rows, label.numpy().tolist(), strict=True))
        assert [found[number] for number in range(5)] == labels


def decode(features: dict) -> dict:
    """Pictures of two bytes: the first pixel, and all others."""
    pixels = tf.repeat(tf.io.decode_raw(features["photo"], tf.uint8, fixed_length=2), [3, 6 * 8 * 3 - 3], axis=1)
    return {"image": tf.reshape(pixels, (-1, 6, 8, 3))}


@pytest.fixture
def make_pictures(tmp_path):
    """`make_pictures(count, **options of Batches)`: raw pictures in two shards; label and first pixel are a number."""

    def make(count: int, **options) -> Batches:
        shards = [tmp_path / f"data_tfrecord-0000{shard}-of-00002" for shard in range(2)]
        for shard, path in enumerate(shards):
            with tf.io.TFRecordWriter(str(path)) as writer:
                for number in range(shard, count, 2):
                    example = tf.train.Example()
                    example.features.feature["photo"].bytes_list.value.append(bytes([number, number % 7]))
                    example.features.feature["label"].int64_list.value.append(number)
                    writer.write(example.SerializeToString())
        spec = {name: tf.io.FixedLenFeature([], dtype) for name, dtype in (("photo", tf.string), ("label", tf.int64))}
        return Batches(shards, spec, 8, **{"preprocess": decode, **options})

    return make


PLACES = {"decoded": {}, "encoded": {"cache_bytes": 6 * 8 * 3 * 25}, "streamed": {"cache_bytes": 1}}


def seen(batches: tf.data.Dataset) -> list[list[int]]:
    for inputs, label, weight in batches:
        assert inputs["image"].dtype == tf.uint8 and inputs["image"].shape[1:] == (6, 8, 3)
        np.testing.assert_array_equal(inputs["image"][:, 0, 0, 0], label)
        np.testing.assert_array_equal(inputs["image"][:, 5, 7, 2], label % 7)
        assert weight.shape == label.shape
    return [label.numpy().tolist() for _, label, _ in batches]


@pytest.mark.parametrize("place", PLACES)
def test_pictures_come_once_an_epoch(make_pictures, place):
    batches = make_pictures(30, **PLACES[place])
    assert (batches._kept is not None, batches._records is not None) == (place == "decoded", place == "encoded")
    epochs = seen(batches.training(2))
    assert [len(batch) for batch in epochs] == [8, 8, 8, 6] * 2
    assert sorted(chain(*epochs[:4])) == sorted(chain(*epochs[4:])) == list(range(30))
    assert epochs[:4] != epochs[4:]
    in_turn = [*range(0, 30, 2), *range(1, 30, 2)]
    assert list(chain(*seen(batches.evaluation()))) == np.concatenate(list(batches.labels())).tolist() == in_turn
    assert sum(len(inputs["image"]) for inputs in batches.inputs()) == 30


@pytest.mark.parametrize("place", PLACES)
def test_pictures_resume_at_any_step(make_pictures, place):
    undisturbed = seen(make_pictures(30, **PLACES[place]).training(3))
    again = make_pictures(30, **PLACES[place])
    assert seen(again.training(3, epoch=1, skip=3)) == undisturbed[7:]
    assert seen(again.training(3)) == undisturbed


def test_pictures_in_memory_come_in_one_order_decoded_or_not(make_pictures):
    decoded, encoded = (make_pictures(30, **PLACES[place]) for place in ("decoded", "encoded"))
    assert seen(decoded.training(2)) == seen(encoded.training(2))


def test_pictures_on_disk_come_as_from_memory_and_leave_no_file(make_pictures, tmp_path):
    folder = tmp_path / "scratch" / "pixels"
    mapped, decoded = make_pictures(30, cache_bytes=1, pixels_folder=folder), make_pictures(30)
    assert not list(folder.iterdir())
    assert seen(mapped.training(3)) == seen(decoded.training(3))
    assert seen(mapped.training(3, epoch=1, skip=3)) == seen(decoded.training(3))[7:]
    assert seen(mapped.evaluation()) == seen(decoded.evaluation())
    np.testing.assert_array_equal(np.concatenate(list(mapped.labels())), np.concatenate(list(decoded.labels())))


def test_a_disk_that_is_too_small_is_told(make_pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(
        ConfigError, match=r"`training.cache: disk` must find 4.56e-06 GB .* `train`.* Received: 1e-06 GB"
    ):
        make_pictures(30, pixels_folder=tmp_path)


def test_pictures_are_decoded_by_threads_that_stand_back(make_pictures):
    found = set[int]()

    def decode_and_look(features: dict) -> dict:
        look = tf.numpy_function(lambda: found.add(os.getpriority(os.PRIO_PROCESS, 0)), [], [])
        with tf.control_dependencies([look]):
            return decode(features)

    batches = make_pictures(30, cache_bytes=1, preprocess=decode_and_look)
    for dataset, steps in ((batches.training(2), 8), (batches.evaluation(), 4)):
        assert len(list(iterate(dataset, tf.distribute.get_strategy()))) == steps
    assert found == {NICENESS}


@pytest.mark.parametrize("place", PLACES)
def test_augmentation_resumes_with_the_same_seeds(make_pictures, place):
    def augment(inputs: dict, label: tf.Tensor, seed: tf.Tensor) -> tuple[dict, tf.Tensor]:
        noise = tf.random.stateless_uniform(tf.shape(inputs["image"]), seed, 0, 256, tf.int32)
        return {"image": tf.cast(noise, tf.uint8)}, tf.one_hot(label, 30)

    def augmented(**where) -> list[np.ndarray]:
        batches = make_pictures(30, seed=5, **PLACES[place])
        batches.augment, batches.class_weights = augment, [1.0] * 29 + [2.0]
        for _, label, weight in batches.training(1):
            np.testing.assert_array_equal(weight, 1.0 + label.numpy()[:, 29])
        assert next(iter(batches.evaluation()))[1].shape == (8,)
        return [inputs["image"].numpy() for inputs, _, _ in batches.training(3, **where)]

    undisturbed, resumed = augmented(), augmented(epoch=1, skip=3)
    assert len({pixels.tobytes() for pixels in undisturbed}) == 12
    for ours, theirs in zip(resumed, undisturbed[7:], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def of_letters(features: dict) -> dict:
    return {"token_ids": tf.strings.unicode_decode(features["text"], "UTF-8").with_row_splits_dtype(tf.int64)}


@pytest.mark.parametrize("cache_bytes", [1 << 20, 25_000, 1], ids=["all in memory", "texts in memory", "streamed"])
def test_raw_texts_come_in_the_batches_of_preprocessed_ones(tmp_path, cache_bytes):
    raw, ready = (tmp_path / name for name in ("raw", "ready"))
    with tf.io.TFRecordWriter(str(raw)) as raw_writer, tf.io.TFRecordWriter(str(ready)) as ready_writer:
        for number in range(300):
            text = "ab" * (1 + 7 * number % 20)
            for writer, name in ((raw_writer, "text"), (ready_writer, "token_ids")):
                example = tf.train.Example()
                if name == "text":
                    example.features.feature[name].bytes_list.value.append(text.encode())
                else:
                    example.features.feature[name].int64_list.value.extend(map(ord, text))
                example.features.feature["label"].int64_list.value.append(number)
                writer.write(example.SerializeToString())
    label = {"label": tf.io.FixedLenFeature([], tf.int64)}
    left_raw = Batches(
        [raw],
        {"text": tf.io.FixedLenFeature([], tf.string), **label},
        8,
        seed=3,
        cache_bytes=cache_bytes,
        preprocess=of_letters,
    )
    made = Batches([ready], {"token_ids": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64), **label}, 8, seed=3)
    if cache_bytes > 1:  # what is streamed has an order of its own
        for ours, theirs in zip(left_raw.training(2), made.training(2), strict=True):
            tf.nest.map_structure(np.testing.assert_array_equal, ours, theirs)
    for ours, theirs in zip(left_raw.evaluation(), made.evaluation(), strict=True):
        tf.nest.map_structure(np.testing.assert_array_equal, ours, theirs)
    assert np.concatenate(list(left_raw.labels())).tolist() == list(range(300))
    assert sorted(int(n) for _, label, _ in left_raw.training(1) for n in label) == list(range(300))


def test_texts_that_were_left_raw_are_bucketed(tmp_path):
    path = tmp_path / "data_tfrecord-00000-of-00001"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number in range(100):
            example = tf.train.Example()
            example.features.feature["text"].bytes_list.value.append(b"a" * (1 + 7 * number % 20))
            example.features.feature["label"].int64_list.value.append(number)
            writer.write(example.SerializeToString())
    spec = {name: tf.io.FixedLenFeature([], dtype) for name, dtype in (("text", tf.string), ("label", tf.int64))}

    batches = Batches([path], spec, 8, preprocess=of_letters)
    widths = [inputs["token_ids"].shape[1] for inputs, _, _ in batches.evaluation()]
    assert widths == sorted(widths) and widths[0] < widths[-1]
    assert sorted(int(n) for _, label, _ in batches.training(1) for n in label) == list(range(100))
