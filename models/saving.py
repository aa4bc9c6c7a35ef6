"""Writing SavedModels."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf


def save(
    module: tf.Module, folder: Path, *, signatures: Mapping[str, Any] | None = None, experimental_custom_gradients: bool
) -> None:
    """tf.saved_model.save with SaveOptions, which leaves nothing behind but the folder.

    TensorFlow converts a function of its own by AutoGraph, whose bytecode would stay in the folder for temporaries.
    """
    writes_none, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        chosen = tf.saved_model.SaveOptions(experimental_custom_gradients=experimental_custom_gradients)
        tf.saved_model.save(module, str(folder), signatures=signatures, options=chosen)
    finally:
        sys.dont_write_bytecode = writes_none
