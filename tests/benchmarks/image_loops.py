"""`python -m tests.benchmarks.image_loops RUNS`: how fast pictures are read and trained on, as JSON.

Both sides run in turn, never both at once, and the median of the runs' wall times counts.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.images.preprocessing import ImagePreprocess
from models.registry import make_family
from models.training.dataset import Batches
from models.training.iteration import iterate
from schemas.config import ModelConfig
from tests.benchmarks.images import jpeg

BATCH, WORKERS = 64, 2
SPEC = {name: tf.io.FixedLenFeature([], dtype) for name, dtype in (("image", tf.string), ("label", tf.int64))}

_BUFFERED = 12
"""Batches that either side reads ahead."""

Make = Callable[[np.random.Generator], bytes]


def main() -> None:
    runs = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        photos = _records(work / "photos", 16 * BATCH, _photo())
        digits = _records(work / "digits", 125 * BATCH, _digit)
        found = {
            "input": {
                "JPEG of 224x224": _input(photos, (224, 224, 3), runs),
                "JPEG of 224x224 to 96x96": _input(photos, (96, 96, 3), runs),
                "grey PNG of 28x28": _input(digits, (28, 28, 1), runs),
            },
            "training": {
                "JPEG of 224x224": _training(photos, (224, 224, 3), runs, 4),
                "JPEG of 224x224 to 96x96": _training(photos, (96, 96, 3), runs, _BUFFERED),
            },
        }
    print(json.dumps(found))


def _photo() -> Make:
    noise = np.random.default_rng(0).normal(0, 22, (4, 224, 224, 3))
    return lambda random: jpeg(random, noise)


def _digit(random: np.random.Generator) -> bytes:
    pixels = np.zeros((28, 28, 1), np.uint8)
    pixels[4:24, 4:24] = random.integers(0, 256, (20, 20, 1)) * (random.random((20, 20, 1)) < 0.4)
    return tf.io.encode_png(pixels).numpy()


def _records(path: Path, count: int, make: Make) -> Path:
    random = np.random.default_rng(1)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number in range(count):
            example = tf.train.Example()
            example.features.feature["image"].bytes_list.value.append(make(random))
            example.features.feature["label"].int64_list.value.append(number % 10)
            writer.write(example.SerializeToString())
    return path


def _batches(path: Path, shape: tuple[int, int, int], **options: Any) -> Batches:
    facts = {"image_shape": np.array(shape)}
    return Batches([path], SPEC, BATCH, preprocess=ImagePreprocess(facts, ["image"]), **options)


def _bare(path: Path, shape: tuple[int, int, int]) -> tf.data.Dataset:
    """What one writes by hand."""

    def decode(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        parsed = tf.io.parse_single_example(record, SPEC)
        image = tf.io.decode_image(parsed["image"], channels=shape[2], expand_animations=False)
        return tf.cast(tf.image.resize(image, shape[:2]), tf.uint8), parsed["label"]

    records = tf.data.TFRecordDataset(str(path)).shuffle(10_000, seed=1)
    return records.map(decode, num_parallel_calls=WORKERS).batch(BATCH).prefetch(2)


def _input(path: Path, shape: tuple[int, int, int], runs: int) -> dict[str, float]:
    rows = sum(1 for _ in tf.data.TFRecordDataset(str(path)))
    ours = _batches(path, shape, cache_bytes=rows * int(np.prod(shape)) - 1)  # one byte too few to keep the pixels
    sides = {"ours": lambda: ours.training(10**6), "bare": lambda: _bare(path, shape).repeat()}
    return _in_turn(sides, 2 * rows // BATCH, runs, lambda batch: None)


def _training(path: Path, shape: tuple[int, int, int], runs: int, steps: int) -> dict[str, float]:
    """Batches by hand of tensors in memory, and ours: decoded anew, as a user gets them, and from files of pixels."""
    train, kept = _step(shape), _batches(path, shape)
    sides = {
        "tensors": lambda: _in_memory(kept).repeat(),
        "anew": lambda: anew.training(10**6),
        "default": lambda: kept.training(10**6),
        "disk": lambda: mapped.training(10**6),
    }
    anew = _batches(path, shape, cache_bytes=100 << 10)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        mapped = _batches(path, shape, pixels_folder=Path(folder))
    return _in_turn(sides, steps, runs, lambda batch: train(batch[0], batch[1]), buffered=steps)


def _step(shape: tuple[int, int, int]) -> Callable[[dict[str, tf.Tensor], tf.Tensor], None]:
    family = make_family(ModelConfig(family="resnet"), ["image"], "image")
    facts = {"image_shape": np.array(shape), "image_mean": np.full(3, 128.0), "image_std": np.full(3, 64.0)}
    network, optimizer = family.network(facts, 10), keras.optimizers.SGD(0.01)
    optimizer.build(network.trainable_variables)

    @tf.function(autograph=False)
    def step(inputs: dict[str, tf.Tensor], label: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            logits = network(inputs, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits))
        variables = [variable.value for variable in network.trainable_variables]
        optimizer.apply(tape.gradient(loss, variables), network.trainable_variables)

    return step


def _in_memory(batches: Batches) -> tf.data.Dataset:
    """What one writes by hand over decoded pictures."""
    inputs, labels = zip(*[(inputs, label) for inputs, label, _ in batches.evaluation()], strict=True)
    tensors = {"image": tf.concat([each["image"] for each in inputs], axis=0)}, tf.concat(labels, axis=0)
    rows = tf.data.Dataset.from_tensor_slices(tensors)
    return rows.shuffle(batches.num_examples, seed=1).batch(BATCH).prefetch(2)


def _in_turn(
    sides: dict[str, Callable[[], tf.data.Dataset]],
    batches: int,
    runs: int,
    use: Callable[[Any], None],
    buffered: int = _BUFFERED,
) -> dict[str, float]:
    """Median examples a second of each side, once as many batches as it reads ahead were used."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(runs):
        for name, make in sides.items():
            iterator = iterate(make(), tf.distribute.get_strategy())
            for _ in range(buffered):
                use(next(iterator))
            begin = time.perf_counter()
            for _ in range(batches):
                use(next(iterator))
            rates[name].append(batches * BATCH / (time.perf_counter() - begin))
            del iterator
    return {name: statistics.median(found) for name, found in rates.items()}


if __name__ == "__main__":
    main()
