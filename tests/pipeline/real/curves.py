"""TensorBoard's event files, read without TensorFlow."""

import struct
from pathlib import Path

from tensorboard.compat.proto import event_pb2, tensor_pb2

from schemas.tfrecords import CorruptRecordError, read_records


def curves(folder: Path) -> dict[str, dict[int, float]]:
    """Tag to points, epoch to value, of all event files in a folder. What a kill cut off is left out."""
    found: dict[str, dict[int, float]] = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for event in _events(path):
            for value in event.summary.value:
                points = found.setdefault(value.tag, {})
                assert event.step not in points, f"{path} repeats step {event.step}"
                points[event.step] = _number(value.tensor)
    return found


def _events(path: Path) -> list[event_pb2.Event]:
    events = []
    with path.open("rb") as file:
        try:
            for record in read_records(file):
                events.append(event_pb2.Event.FromString(record))
        except CorruptRecordError:
            return events
    return events


def _number(tensor: tensor_pb2.TensorProto) -> float:
    if tensor.float_val:
        return float(tensor.float_val[0])
    (value,) = struct.unpack("<f", tensor.tensor_content)
    return float(value)
