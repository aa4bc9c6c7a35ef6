"""Backbones that start from weights: where those are, and how they become part of a network.

Whatever they come from, backbones are rebuilt with the fused batch normalization, for the pictures at hand.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np

from models.given_weights import PRESET, Freeze, count_arrays, freeze_layers, read, served_version
from models.layers.fused_batch_norm import FusedBatchNormalization
from models.training.phases import BACKBONE
from schemas.errors import ConfigError

SCALED: Final = "scaled_as_given"
"""Name of a network's layer that standardizes pixels by what its backbone's weights know, not by its training split."""

_BLOCK: Final = re.compile(r"(stage\d+_block\d+|stack\d+_block\d+|conv\d+_block\d+|block\d+)(?=_|$)")


@dataclass(frozen=True)
class Given:
    """A backbone with weights.

    Attributes:
        backbone: from float32 `(batch_size, height, width, channels)` to feature maps.
        mean: of pixels from 0 to 255, by channel, as these weights know it; None where they know the training split's.
        deviation: likewise.
    """

    backbone: keras.Model
    mean: np.ndarray | None = None
    deviation: np.ndarray | None = None


def given_backbone(weights: str, base: Path, imagenet: str | None, build: Callable[[], keras.Model]) -> Given:
    """What `model.weights` names.

    Args:
        weights: `imagenet`, a path or a preset of KerasHub.
        base: the folder that paths start from.
        imagenet: name in `keras.applications` of the network that `imagenet` means; None where there is none.
        build: makes the family's own backbone, for files that hold weights alone.

    Raises:
        ConfigError: there is no such thing, it cannot be read or holds no backbone.
    """
    if weights == "imagenet":
        from models.images.imagenet import imagenet_backbone

        return imagenet_backbone(imagenet)
    path = base / weights
    if path.exists():
        return _from_path(path, weights, build)
    if not PRESET.fullmatch(weights):
        raise ConfigError(
            "`model.weights` must be `none`, `imagenet`, a preset of KerasHub, or a file or folder that is there."
            f" Received: {weights} ({path.resolve()} does not exist)"
        )
    return _from_preset(weights, weights)


def _from_path(path: Path, weights: str, build: Callable[[], keras.Model]) -> Given:
    """A backbone from a file or a folder that is there."""
    if path.is_dir():
        path = served_version(path)
        if (path / "Format-Keras" / "model.keras").is_file():
            path = path / "Format-Keras" / "model.keras"
        elif (path / "saved_model.pb").is_file():
            return Given(_with_values(build(), _saved_values(path), weights))
        elif (path / "config.json").is_file():
            return _from_preset(str(path), weights)
        else:
            raise ConfigError(
                "`model.weights`: a folder must be a model that a pipeline trained (with Format-Keras/model.keras) or"
                f" pushed (with saved_model.pb), or a preset of KerasHub (with config.json). Received: {weights}"
            )
    if path.name.endswith(".h5"):
        backbone = build()
        _check_count(path, backbone, weights)
        read(lambda: backbone.load_weights(path), weights)
        return Given(backbone)
    if path.suffix != ".keras":
        raise ConfigError(f"`model.weights`: a file must end in .keras or .weights.h5. Received: {weights}")
    return _of_model(read(lambda: keras.saving.load_model(path, compile=False), weights), weights)


def _of_model(model: keras.Model, weights: str) -> Given:
    """A trained network's backbone, with the scale of the weights that it started from."""
    backbone = _part_with_maps(model, weights)
    scale = next((layer for layer in model.layers if layer.name == SCALED), None)
    if not isinstance(scale, keras.layers.Normalization):
        return Given(backbone)
    mean, variance = (np.ravel(keras.ops.convert_to_numpy(values)) for values in (scale.mean, scale.variance))
    return Given(backbone, mean, np.sqrt(variance))


def _check_count(path: Path, backbone: keras.Model, weights: str) -> None:
    """Keras passes over what a file has too much or too little of."""
    found = read(lambda: count_arrays(path), weights)
    if found != len(backbone.weights):
        raise ConfigError(
            f"`model.weights`: a file of weights must hold the {len(backbone.weights)} arrays of the backbone that"
            f" `model` describes. Received: {weights}, which holds {found}"
        )


def _from_preset(preset: str, weights: str) -> Given:
    import keras_hub

    def load() -> tuple[keras.Model, Any]:
        backbone = keras_hub.models.Backbone.from_preset(preset)
        try:
            return backbone, keras_hub.layers.ImageConverter.from_preset(preset)
        except (ValueError, FileNotFoundError):  # the preset says nothing of how pictures are scaled
            return backbone, None

    backbone, converter = read(load, weights)
    backbone = _part_with_maps(backbone, weights)
    if converter is None or converter.scale is None:
        return Given(backbone)
    scale = np.broadcast_to(np.asarray(converter.scale, np.float32), (3,))
    offset = np.broadcast_to(np.asarray(converter.offset or 0.0, np.float32), (3,))
    return Given(backbone, -offset / scale, 1.0 / scale)


def _part_with_maps(model: keras.Model, weights: str) -> keras.Model:
    """The part of a model that ends in feature maps: its backbone, a model within it, or what comes before pooling."""
    if BACKBONE in [layer.name for layer in model.layers]:
        return model.get_layer(BACKBONE)
    if _has_maps(model):
        return model
    within = [layer for layer in model.layers if isinstance(layer, keras.Model) and _has_maps(layer)]
    if within:
        return max(within, key=lambda layer: layer.count_params())
    last = next((layer for layer in reversed(model.layers) if _has_maps(layer)), None)
    if last is None:
        raise ConfigError(
            "`model.weights`: the model must hold a backbone, a layer whose output is feature maps `(batch_size,"
            f" height, width, channels)`. Received: {weights}"
        )
    return keras.Model(model.input, last.output)


def _has_maps(layer: keras.Layer) -> bool:
    try:
        return isinstance(layer.output, keras.KerasTensor) and len(layer.output.shape) == 4
    except (AttributeError, ValueError):  # a layer that is used twice, or never
        return False


def _saved_values(folder: Path) -> list[np.ndarray]:
    """The network's variables in a pushed model, in order."""
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
    pattern = re.compile(r"_network_variables/(\d+)/\.ATTRIBUTES/VARIABLE_VALUE")
    found = {int(m[1]): name for name in reader.get_variable_to_shape_map() if (m := pattern.fullmatch(name))}
    return [reader.get_tensor(found[index]) for index in sorted(found)]


def _with_values(backbone: keras.Model, values: list[np.ndarray], weights: str) -> keras.Model:
    """The family's own backbone with the first of a network's values, which are its backbone's."""
    ours = [tuple(variable.shape) for variable in backbone.variables]
    theirs = [value.shape for value in values[: len(ours)]]
    if ours != theirs:
        raise ConfigError(
            "`model.weights`: a pushed model holds no description of its network, so its backbone must be the one that"
            " `model` describes, and is another. Take the trained model's Format-Keras/model.keras."
            f" Received: {weights}"
        )
    for variable, value in zip(backbone.variables, values, strict=False):
        variable.assign(value)
    return backbone


def rebuilt(backbone: keras.Model, image_shape: tuple[int, int, int]) -> keras.Model:
    """The same backbone and weights for pictures of another size, named `backbone`, with fused batch normalization.

    Raises:
        ConfigError: the pictures are too small for it.
    """

    def layer(old: keras.Layer) -> keras.Layer:
        if not isinstance(old, keras.Layer):  # a function of `keras.ops`
            return old
        kind, config = type(old), {**old.get_config(), "trainable": True}
        maps = kind is keras.layers.BatchNormalization and _has_maps(old)
        if maps and old.scale and old.center and old.axis in (-1, 3):
            return FusedBatchNormalization.from_config({**config, "axis": -1})
        return kind.from_config(config)

    try:
        clone = keras.models.clone_model(backbone, input_tensors=keras.Input(image_shape), clone_function=layer)
    except ValueError as error:
        height, width, _ = image_shape
        raise ConfigError(
            "`model.image_size` must be as large as the backbone that `model.weights` names can take, 32 for one that"
            f" halves pictures five times. Received: {height}x{width} pixels"
        ) from error
    named = keras.Model(clone.inputs[0], clone.outputs[0], name=BACKBONE)
    named.set_weights(backbone.get_weights())
    return named


def blocks(backbone: keras.Model) -> list[list[keras.Layer]]:
    """Layers by block, from the pictures on; what stands between blocks belongs to the one before."""
    found: list[tuple[str, list[keras.Layer]]] = [("", [])]
    for layer in backbone.layers:
        match = _BLOCK.match(layer.name)
        name = match[0] if match else found[-1][0]
        if name != found[-1][0]:
            found.append((name, []))
        found[-1][1].append(layer)
    return [layers for _, layers in found if any(layer.weights for layer in layers)]


def freeze(backbone: keras.Model, what: Freeze) -> None:
    """Leaves as they are: nothing, all layers, or all but those of the last so many blocks.

    Frozen batch normalization uses its moving averages, which stay as they are.

    Raises:
        ConfigError: there are fewer blocks.
    """
    freeze_layers(backbone, what, blocks(backbone), "blocks")
