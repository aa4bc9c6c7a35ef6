"""Low-rank adaptation of an encoder: its weights stay, small matrices beside them learn.

Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (arXiv:2106.09685): the kernel of an attention's queries
and values becomes `W + alpha / rank * A B`, with `A` at random and `B` at zero in the beginning, as Keras' own layers
compute it (for each head, with `B` shared by all heads).
"""

import tempfile
from pathlib import Path
from typing import Final

import keras

from schemas.errors import ConfigError

_ADAPTED: Final = ("query", "value")
"""The projections that the paper adapts, by their names in KerasHub's encoders."""


def adapt(encoder: keras.Model, rank: int, alpha: float) -> None:
    """Leaves all of a built encoder as it is but for new matrices of that rank.

    Raises:
        ConfigError: it has no such projections.
    """
    layers = encoder._flatten_layers(include_self=False, recursive=True)
    adapted = [layer for layer in layers if isinstance(layer, keras.layers.EinsumDense) and layer.name in _ADAPTED]
    if not adapted:
        raise ConfigError(
            f"`model.lora` is for encoders whose attention has layers named {' and '.join(_ADAPTED)}; for others leave"
            " it out."
        )
    for variable in encoder.variables:
        variable.trainable = False
    for layer in adapted:
        layer.enable_lora(rank, lora_alpha=alpha)


def merge(adapted: keras.Model, plain: keras.Model) -> keras.Model:
    """`plain` with the weights of the same network with adapters, which become part of its kernels.

    Args:
        adapted: in float32.
        plain: made as `adapted` was, but for its adapters.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "merged.weights.h5"
        adapted.save_weights(path)  # Keras saves the sum of a kernel and its adapter
        plain.load_weights(path)
    return plain
