"""Pictures from files to batches: how fast they are decoded, what training loses to it, and how much memory many take.

What is measured within a process runs in one of its own (`python -m tests.benchmarks.image_loops`).
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from tests.benchmarks.bench import Bench
from tests.benchmarks.measure import Sample, run
from tests.benchmarks.table import Row

PICTURES, FEWER = 50_000, 1_000
SIDE, QUALITY = 224, 93
CLASSES = 10

WAYS = {
    "anew": "decoding anew against tensors in memory",
    "default": "pixels that fit into memory, the default, against the same",
    "disk": "`cache: disk` against the same",
}
"""How batches come to be, and how rows say it."""


def measure(bench: Bench) -> Iterator[Row]:
    """At least 90 % of a bare loop's pictures a second, 5 % of training at most, and less than 1.5 GB."""
    loops = run([sys.executable, "-m", "tests.benchmarks.image_loops", str(bench.runs(3))]).result
    for what, rates in loops["input"].items():
        yield Row(
            f"input pipeline, {what}", rates["ours"], "pictures/s", rates["bare"], limit=0.9, bound="ratio at least"
        )
    for what, rates in loops["training"].items():
        for side, how in WAYS.items():
            yield Row(
                f"training a residual network, {what}, {how}",
                rates[side],
                "pictures/s",
                rates["tensors"],
                limit=0.95,
                bound="ratio at least",
            )
    count = FEWER if bench.quick else PICTURES
    folder = pictures(bench, count)
    sample = _to_transform(bench, folder)
    seconds = sum(step["seconds"] for step in sample.result["components"])
    yield Row(f"ExampleGen to Transform, {count:,} JPEGs of 224x224", count / seconds, "pictures/s")
    yield Row("... peak memory", sample.peak_bytes / 1e9, "GB", limit=1.5, bound="ours at most")
    workspace = bench.work / "images" / ".trainworks"
    yield Row(
        "... bytes on disk against those of the files",
        _bytes(workspace) / 1e9,
        "GB",
        _bytes(folder) / 1e9,
        limit=2.2,
        bound="ratio at most",
    )


def _to_transform(bench: Bench, folder: Path) -> Sample:
    file = bench.pipeline(
        "images",
        {"family": "resnet"},
        data={"format": "image-folder", "splits": {"train": str(folder)}},
        # what is generated is alike by its nature, and must not end the run
        validation={
            rule: {"severity": "warning"}
            for rule in ("leakage", "conflicting_labels", "duplicates", "near_duplicates", "label_shift")
        },
    )
    return bench.first_run(file, "--to", "Transform")


def pictures(bench: Bench, count: int) -> Path:
    """A folder of so many JPEGs, a folder a class, written once."""
    folder = bench.work / f"jpegs-{count}"
    if not folder.exists():
        unfinished = folder.with_suffix(".part")
        for number in range(CLASSES):
            (unfinished / str(number)).mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor(2) as pool:
            list(pool.map(_write, [unfinished] * CLASSES, range(CLASSES), [count] * CLASSES))
        unfinished.rename(folder)
    return folder.resolve()


def _write(folder: Path, label: int, count: int) -> None:
    """The pictures of a class: gradients and noise, moved and mixed anew for each."""
    random = np.random.default_rng(label)
    noise = random.normal(0, 22, (4, SIDE, SIDE, 3))
    for number in range(label, count, CLASSES):
        (folder / str(label) / f"{number:06d}.jpg").write_bytes(jpeg(random, noise))


def jpeg(random: np.random.Generator, noise: np.ndarray) -> bytes:
    """A JPEG of some 40 kB."""
    from io import BytesIO

    from PIL import Image

    y, x = np.mgrid[0 : 1 : SIDE * 1j, 0 : 1 : SIDE * 1j]
    colors = random.uniform(-1, 1, (3, 2))
    pixels = 128 + 110 * (colors[:, 0] * (x[..., None] - 0.5) + colors[:, 1] * (y[..., None] - 0.5))
    pixels = pixels + np.roll(noise[random.integers(len(noise))], tuple(random.integers(0, SIDE, 2)), (0, 1))
    stream = BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
