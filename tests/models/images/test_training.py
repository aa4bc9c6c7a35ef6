"""Real pictures, the families' own recipes, few steps: a network learns, and its backbone serves another."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import pipeline
from models.images.augmentation.sequence import Augmentation
from models.images.family import PictureFamily
from models.registry import make_family
from models.tasks import Classification
from models.training.loop import Fit, fit
from schemas.config import ModelConfig, TrainingConfig
from tests.components.scenes import scene

pytestmark = pytest.mark.slow

DIGITS = Path(pipeline.__file__).parent / "templates" / "image" / "data" / "digits"


class Pictures:
    """Pictures in memory, as training takes them."""

    def __init__(self, pictures: np.ndarray, labels: np.ndarray, batch_size: int = 32) -> None:
        self.pictures, self.labels, self.batch_size = pictures, labels, batch_size
        self.steps = -(-len(labels) // batch_size)
        self.class_weights = None

    def training(self, epochs: int, *, epoch: int = 0, skip: int = 0) -> tf.data.Dataset:
        order = np.random.default_rng(0).permutation(len(self.labels))
        return self._batches(order).repeat(epochs)

    def evaluation(self) -> tf.data.Dataset:
        return self._batches(np.arange(len(self.labels)))

    def _batches(self, order: np.ndarray) -> tf.data.Dataset:
        rows = ({"image": self.pictures[order]}, self.labels[order], np.ones(len(order), np.float32))
        return tf.data.Dataset.from_tensor_slices(rows).batch(self.batch_size)


@cache
def digits() -> tuple[Pictures, Pictures]:
    """Of the template's pictures, every fourth is held out."""
    found: Iterator[tuple[int, Path]] = (
        (int(folder.name), path) for folder in sorted(DIGITS.iterdir()) for path in sorted(folder.glob("*.png"))
    )
    labels, paths = zip(*found, strict=True)
    pictures = np.stack([tf.io.decode_png(path.read_bytes(), channels=1).numpy() for path in paths])
    held, label = np.arange(len(paths)) % 4 == 0, np.array(labels, np.int64)
    return Pictures(pictures[~held], label[~held]), Pictures(pictures[held], label[held])


def stripes(count: int, side: int) -> Pictures:
    """Scenes under faint stripes that lie, stand or lean: no pixel alone tells which, nor does a color."""
    random = np.random.default_rng(count)
    labels = np.arange(count) % 3
    y, x = np.mgrid[0:side, 0:side]
    along = np.stack([y, x, (x + y) / np.sqrt(2)])[labels]
    period, phase = random.uniform(8, 24, (2, count, 1, 1))
    waves = 25 * np.sin(2 * np.pi * (along / period + phase))
    scenes = np.stack([scene(1000 * count + number, side) for number in range(count)])
    return Pictures(np.clip(scenes + waves[..., None], 0, 255).astype(np.uint8), labels)


def trained(base: Path, family: str, steps: int, data: tuple[Pictures, Pictures] | None = None, **settings: Any) -> Fit:
    train, held = data or digits()
    classes = len(set(train.labels))
    made = make_family(ModelConfig.model_validate({"family": family, **settings}), ["image"], "image", base)
    assert isinstance(made, PictureFamily)
    recipe = made.recipe_for("classification", settings)
    config = TrainingConfig.model_validate({**recipe, "epochs": -(-steps // train.steps), "min_steps": 0})
    facts = {
        "image_shape": np.array(train.pictures.shape[1:]),
        "image_mean": train.pictures.mean(axis=(0, 1, 2), keepdims=False).reshape(-1),
        "image_std": train.pictures.std(axis=(0, 1, 2), keepdims=False).reshape(-1),
    }
    head = Classification([str(label) for label in range(classes)])
    augment = Augmentation(config.augmented, classes).of_inputs if config.augmented else None
    return fit(lambda: made.network(facts, classes), head, train, held, config, augment=augment)  # type: ignore[arg-type]


def accuracy(fitted: Fit) -> float:
    return fitted.history[-1]["val_accuracy"]


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Fit]:
    """A folder with `digits.keras`, and the training that it comes from."""
    folder = tmp_path_factory.mktemp("resnet")
    fitted = trained(folder, "resnet", 200)
    fitted.model.save(folder / "digits.keras")
    return folder, fitted


def test_a_residual_network_learns_digits(resnet: tuple[Path, Fit]) -> None:
    assert accuracy(resnet[1]) > 0.9


@pytest.mark.parametrize(("family", "steps", "least"), [("linear", 300, 0.8), ("mlp", 300, 0.85), ("vgg", 100, 0.85)])
def test_others_learn_digits(tmp_path: Path, family: str, steps: int, least: float) -> None:
    assert accuracy(trained(tmp_path, family, steps)) > least


@pytest.mark.parametrize(("version", "side"), [(1, 128), (2, 160)])
def test_eighteen_layers_learn_what_is_in_large_pictures(tmp_path: Path, version: int, side: int) -> None:
    data = stripes(240, side), stripes(60, side)
    assert accuracy(trained(tmp_path, "linear", 60, data)) < 0.6
    assert accuracy(trained(tmp_path, "resnet", 90, data, version=version)) > 0.9


@pytest.mark.parametrize("freeze", ["all", "none", 2])
def test_a_head_on_a_given_backbone_learns_at_once(resnet: tuple[Path, Fit], freeze: str | int) -> None:
    folder, before = resnet
    fitted = trained(folder, "resnet", 30, weights="digits.keras", freeze=freeze)
    assert accuracy(fitted) > 0.9
    same = [
        np.array_equal(ours, theirs)
        for ours, theirs in zip(
            fitted.model.get_layer("backbone").get_weights(),
            before.model.get_layer("backbone").get_weights(),
            strict=True,
        )
    ]
    assert all(same) if freeze == "all" else not all(same)
    assert freeze != 2 or same[0]
