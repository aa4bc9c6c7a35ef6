"""Curves after a kill."""

import tensorflow as tf

from models.training.events import Curves, last_step

HISTORY = [{"loss": 0.5, "val_loss": 0.6}, {"loss": 0.4, "val_loss": 0.5}]


def test_nothing_is_there_at_first(tmp_path):
    assert last_step(tmp_path / "train") == -1
    Curves(tmp_path).write([])
    assert list(tmp_path.iterdir()) == []


def test_a_file_cut_off_in_the_middle_is_read_and_carried_on(tmp_path):
    curves = Curves(tmp_path)
    curves.write(HISTORY)
    curves.close()
    (path,) = (tmp_path / "train").iterdir()
    path.write_bytes(path.read_bytes()[:-3])

    assert last_step(tmp_path / "train") == 0
    assert last_step(tmp_path / "validation") == 1
    again = Curves(tmp_path)
    again.write(HISTORY)
    again.close()
    assert last_step(tmp_path / "train") == 1
    assert len(list((tmp_path / "train").iterdir())) == 2
    assert len(list((tmp_path / "validation").iterdir())) == 1


def test_values_are_those_of_the_history(tmp_path):
    curves = Curves(tmp_path)
    curves.write(HISTORY)
    curves.close()
    (path,) = (tmp_path / "validation").iterdir()
    events = [tf.compat.v1.Event.FromString(r) for r in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()]

    assert events[0].file_version == "brain.Event:2"
    points = [(e.step, e.summary.value[0].tag, float(tf.make_ndarray(e.summary.value[0].tensor))) for e in events[1:]]
    assert [(step, tag) for step, tag, _ in points] == [(0, "epoch_loss"), (1, "epoch_loss")]
    assert abs(points[1][2] - 0.5) < 1e-7
