"""A training in a process of its own: `python training_process.py FOLDER SETTINGS DEVICES`.

FOLDER gets the data, the checkpoints and at last `weights.npz` and `history.json`; SETTINGS are TrainingConfig's, as
JSON, `dropout` and `normalized`; DEVICES is the number of logical CPU devices. Prints a line an inner loop.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

import keras
import numpy as np
import tensorflow as tf
from conftest import SCHEMA, write_split

from models.tasks import Classification
from models.training.dataset import Batches
from models.training.loop import fit
from models.training.preparation import feature_spec
from schemas.config import TrainingConfig


class Mark(keras.callbacks.Callback):
    """Tells the test where the training stands."""

    def on_train_batch_end(self, batch, logs=None):
        sys.stdout.write(f"step {batch}\n")
        sys.stdout.flush()


def lstm(dropout: float, normalized: bool) -> keras.Model:
    tokens = keras.Input((None,), dtype="int64", name="tokens")
    hidden = keras.layers.LSTM(16, name="block_0")(keras.layers.Embedding(1000, 16)(tokens))
    if normalized:
        hidden = keras.layers.BatchNormalization()(hidden)
    return keras.Model({"tokens": tokens}, keras.layers.Dense(3)(keras.layers.Dropout(dropout)(hidden)))


def main(folder: Path, settings: dict, devices: int) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
    dropout, normalized = settings.pop("dropout"), settings.pop("normalized", False)
    config = TrainingConfig(**settings)
    (folder / "schema.pbtxt").write_text(SCHEMA)
    spec = feature_spec(folder / "schema.pbtxt")
    train, watched = (
        Batches(write_split(folder / name, count, seed=seed), spec, config.batch_size, seed=3)
        for name, count, seed in (("Split-train", 150, 0), ("Split-eval", 43, 5))
    )
    fitted = fit(
        lambda: lstm(dropout, normalized),
        Classification(["a", "b", "c"]),
        train,
        watched,
        config,
        callbacks=[Mark()],
        checkpoints=folder / "checkpoints",
    )
    np.savez(folder / "weights.npz", *fitted.model.get_weights())
    (folder / "history.json").write_text(json.dumps(fitted.history))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3]))
