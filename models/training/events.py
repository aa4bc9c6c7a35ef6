"""What TensorBoard reads: curves in Keras' layout (`train/` and `validation/`, `epoch_loss`, `epoch_accuracy` and so on
by epoch), and pictures.

Event files are TFRecords of `Event` messages (tensorflow/core/util/event.proto). Writing them needs no import beyond
TensorFlow's own.
"""

import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.framework import summary_pb2
from tensorflow.core.util import event_pb2

_SCALARS = summary_pb2.SummaryMetadata(
    plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="scalars"),
    data_class=summary_pb2.DATA_CLASS_SCALAR,
)
_IMAGES = summary_pb2.SummaryMetadata(
    plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="images"),
    data_class=summary_pb2.DATA_CLASS_BLOB_SEQUENCE,
)


class Curves:
    """The curves of one training: one point an epoch.

    A resumed training adds what is missing and repeats nothing, even when the earlier one was killed between an
    epoch's checkpoint and its points.

    Args:
        folder: log folder; `tensorboard --logdir` may be pointed at it or at any folder above.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, tf.io.TFRecordWriter] = {}
        self._last = {name: last_step(folder / name) for name in ("train", "validation")}

    def write(self, history: Sequence[Mapping[str, float]]) -> None:
        """Brings the curves up to a history: logs by epoch, those of the validation with the prefix `val_`."""
        for epoch, logs in enumerate(history):
            validation = {name.removeprefix("val_"): v for name, v in logs.items() if name.startswith("val_")}
            train = {name: value for name, value in logs.items() if not name.startswith("val_")}
            self._write("train", epoch, train)
            self._write("validation", epoch, validation)

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()

    def _write(self, run: str, epoch: int, logs: Mapping[str, float]) -> None:
        if epoch <= self._last[run] or not logs:
            return
        if run not in self._writers:
            self._writers[run] = _open(self._folder / run)
        _write(self._writers[run], [_scalar(f"epoch_{name}", value) for name, value in logs.items()], epoch)
        self._last[run] = epoch


def write_scalars(folder: Path, values: Mapping[str, float], step: int) -> None:
    """Writes a point of some curves into a log folder.

    Args:
        folder: log folder.
        values: tag to value.
        step: the step they belong to.
    """
    with _open(folder) as writer:
        _write(writer, [_scalar(tag, value) for tag, value in values.items()], step)


def write_pictures(folder: Path, pictures: Mapping[str, NDArray[np.uint8]], step: int) -> None:
    """Writes pictures into a log folder, all of them at once.

    Args:
        folder: log folder.
        pictures: tag to uint8 `(pictures, height, width, 3)`.
        step: the step they belong to.
    """
    with _open(folder) as writer:
        _write(writer, [_images(tag, values) for tag, values in pictures.items()], step)


def _open(folder: Path) -> tf.io.TFRecordWriter:
    """A new event file."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}.v2"
    writer = tf.io.TFRecordWriter(str(folder / name))
    writer.write(event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
    return writer


def _write(writer: tf.io.TFRecordWriter, values: Sequence[summary_pb2.Summary.Value], step: int) -> None:
    event = event_pb2.Event(wall_time=time.time(), step=step, summary=summary_pb2.Summary(value=values))
    writer.write(event.SerializeToString())
    writer.flush()


def last_step(folder: Path) -> int:
    """The highest step in a folder's event files; -1 if there is none. A file cut off by a kill is read to its end."""
    last = -1
    for path in sorted(folder.glob("events.out.tfevents.*")):
        records = tf.data.TFRecordDataset(str(path)).ignore_errors()
        for record in records.as_numpy_iterator():
            event = event_pb2.Event.FromString(record)
            last = max(last, event.step) if event.HasField("summary") else last
    return last


def _scalar(tag: str, value: float) -> summary_pb2.Summary.Value:
    return summary_pb2.Summary.Value(tag=tag, tensor=tf.make_tensor_proto(value, tf.float32), metadata=_SCALARS)


def _images(tag: str, pictures: NDArray[np.uint8]) -> summary_pb2.Summary.Value:
    """Width and height, then each picture as a PNG: the format of tensorboard.plugins.image."""
    height, width = pictures.shape[1:3]
    encoded = [tf.io.encode_png(picture).numpy() for picture in pictures]
    tensor = tf.make_tensor_proto([str(width).encode(), str(height).encode(), *encoded], tf.string)
    return summary_pb2.Summary.Value(tag=tag, tensor=tensor, metadata=_IMAGES)
