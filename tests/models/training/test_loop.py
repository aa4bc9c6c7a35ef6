"""Whole trainings: the same twice, resumed, averaged, stopped."""

import keras
import numpy as np
import pytest

from models.tasks import Classification
from models.training.events import last_step
from models.training.loop import fit
from schemas.config import TrainingConfig
from schemas.errors import ConfigError, TrainingError

HEAD = Classification(["a", "b", "c"])


def config(**settings) -> TrainingConfig:
    return TrainingConfig(**{"epochs": 3, "batch_size": 8, "learning_rate": 0.03, "steps_per_loop": 7, **settings})


@pytest.fixture
def train(make_batches, build_network):
    """Trains the small network; keyword arguments go to `fit`, settings to TrainingConfig."""

    def run(settings=None, build=build_network, **options):
        data, watched = make_batches(150), make_batches(60, data_seed=5)
        return fit(build, HEAD, data, watched, config(**(settings or {})), **options)

    return run


class KilledError(Exception):
    """The process dies here."""


class Interrupt(keras.callbacks.Callback):
    """Dies after some inner loops."""

    def __init__(self, loops: int) -> None:
        super().__init__()
        self.countdown = [loops]  # a list of one: plain attributes come back with a checkpoint

    def on_train_batch_end(self, batch, logs=None):
        self.countdown = [self.countdown[0] - 1]
        if self.countdown[0] == 0:
            raise KilledError


def assert_same(left: keras.Model, right: keras.Model) -> None:
    for ours, theirs in zip(left.get_weights(), right.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_learns_and_reports(train):
    fitted = train()

    assert [set(logs) for logs in fitted.history] == [
        {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "steps_per_second"}
    ] * 3
    assert fitted.history[-1]["val_accuracy"] > 0.85
    assert fitted.history[-1]["val_loss"] < fitted.history[0]["val_loss"]
    assert fitted.best_epoch == fitted.weights_epoch


def test_small_data_is_gone_through_more_often(train):
    assert len(train({"epochs": 1, "min_steps": 20}).history) == 2


def test_same_seed_same_weights(train):
    first, second, other = train(), train(), train({"seed": 2})

    assert_same(first.model, second.model)
    assert first.history[-1]["val_loss"] == second.history[-1]["val_loss"]
    assert (first.model.get_weights()[0] != other.model.get_weights()[0]).any()


def test_inner_loop_length_changes_nothing(train):
    assert_same(train().model, train({"steps_per_loop": 1}).model)


@pytest.mark.parametrize("loops", [1, 2, 4, 7])
def test_resumed_training_equals_an_undisturbed_one(train, tmp_path, loops):
    settings = {
        "average_weights": 0.9,
        "learning_rate_schedule": "cosine",
        "warmup_steps": 5,
        "checkpoint_seconds": 0.0,
        "clip_norm": 1.0,
    }
    undisturbed = train(settings, curves=tmp_path / "one")
    folders = {"checkpoints": tmp_path / "ck", "curves": tmp_path / "two"}
    with pytest.raises(KilledError):
        train(settings, callbacks=[Interrupt(loops)], **folders)
    resumed = train(settings, **folders)

    assert_same(resumed.model, undisturbed.model)
    timeless = [[{**logs, "steps_per_second": 0} for logs in run.history] for run in (resumed, undisturbed)]
    assert timeless[0] == timeless[1]


def test_finished_training_resumes_to_its_end(train, tmp_path):
    first = train(checkpoints=tmp_path / "ck", curves=tmp_path / "tb")
    again = train(checkpoints=tmp_path / "ck", curves=tmp_path / "tb")

    assert_same(first.model, again.model)
    assert first.history == again.history
    assert len(list((tmp_path / "tb" / "train").iterdir())) == 1


def test_checkpoint_of_another_network_is_refused(train, tmp_path):
    train(checkpoints=tmp_path / "ck")

    def wider() -> keras.Model:
        tokens = keras.Input((None,), dtype="int64", name="tokens")
        hidden = keras.layers.GlobalMaxPooling1D()(keras.layers.Embedding(1000, 9)(tokens))
        return keras.Model({"tokens": tokens}, keras.layers.Dense(3)(hidden))

    with pytest.raises(TrainingError, match="does not fit this model or is damaged"):
        train(build=wider, checkpoints=tmp_path / "ck")


def test_average_is_that_of_every_step(train, build_network):
    class Record(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            steps.append(self.model.get_weights())

    steps: list[list[np.ndarray]] = []
    settings = {"average_weights": 0.8, "steps_per_loop": 1, "epochs": 1}
    fitted = train(settings, callbacks=[Record()])
    keras.utils.set_random_seed(1)
    average = build_network().get_weights()
    for step, weights in enumerate(steps):
        momentum = min(0.8, (1 + step) / (10 + step))
        average = [momentum * a + (1 - momentum) * w for a, w in zip(average, weights, strict=True)]

    for ours, theirs in zip(fitted.model.get_weights(), average, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert (fitted.model.get_weights()[0] != steps[-1][0]).any()


class Spoil(keras.callbacks.Callback):
    """Ruins the weights at the beginning of an epoch."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self._from = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch >= self._from:
            self.model.set_weights([np.full_like(w, 100.0 * (epoch + 1)) for w in self.model.get_weights()])
            self.model.optimizer.learning_rate = 0.0


def test_keeps_the_best_weights_and_stops_early(train):
    best = train({"epochs": 2})
    fitted = train({"epochs": 9, "early_stopping": 2}, callbacks=[Spoil(2)])

    assert len(fitted.history) == 4
    assert fitted.weights_epoch == fitted.best_epoch == 1
    assert_same(fitted.model, best.model)


def test_keeps_the_last_weights_where_asked(train):
    fitted = train({"restore_best": False}, callbacks=[Spoil(2)])

    assert fitted.weights_epoch == 2 and fitted.best_epoch == 1
    assert (fitted.model.get_weights()[0] == 300.0).all()


def test_loss_that_is_not_finite_stops_with_advice(train):
    with pytest.raises(TrainingError, match=r"epoch 1, step 1\. Try a lower `training.learning_rate` \(now 0.03\)"):
        train(build=lambda: _broken(after=np.nan))


def _broken(after: float) -> keras.Model:
    tokens = keras.Input((None,), dtype="int64", name="tokens")
    hidden = keras.layers.GlobalMaxPooling1D()(keras.layers.Embedding(1000, 4)(tokens))
    return keras.Model(
        {"tokens": tokens}, keras.layers.Dense(3, bias_initializer=keras.initializers.Constant(after))(hidden)
    )


def test_diverging_loss_names_its_step(train):
    with pytest.raises(TrainingError, match=r"epoch \d+, step \d+\. .*1e\+38"):
        train({"optimizer": "sgd", "learning_rate": 1e38, "epochs": 20})


def test_smoothing_and_class_weights_change_training_only(train, make_batches, build_network):
    weighted = make_batches(150)
    weighted.class_weights = [0.0, 0.0, 1.0]
    fitted = fit(build_network, HEAD, weighted, make_batches(60, data_seed=5), config())

    assert fitted.history[-1]["loss"] < 0.2 and fitted.history[-1]["val_loss"] > 1.0
    smooth = train({"label_smoothing": 0.5}).history[-1]
    assert smooth["loss"] > smooth["val_loss"]


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_and_gives_a_float32_model(train, precision):
    fitted = train({"precision": precision})

    assert fitted.history[-1]["val_accuracy"] > 0.8
    assert {layer.dtype_policy.name for layer in fitted.model.layers} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_keras_callbacks_are_driven_and_come_back_with_a_checkpoint(train, tmp_path):
    class Witness(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[str] = []

        def on_train_begin(self, logs=None):
            self.seen.append("begin")

        def on_epoch_end(self, epoch, logs=None):
            self.seen.append(f"{epoch}:{sorted(logs)[0]}")

    first, second = Witness(), Witness()
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=0, min_delta=10.0)
    fitted = train({"epochs": 2}, callbacks=[first, plateau], checkpoints=tmp_path)
    train({"epochs": 3}, callbacks=[second], checkpoints=tmp_path)

    assert first.seen == ["begin", "0:accuracy", "1:accuracy"]
    assert second.seen == ["begin", "0:accuracy", "1:accuracy", "2:accuracy"]
    assert fitted.history[1]["learning_rate"] == pytest.approx(0.03)


def test_early_stopping_of_keras_is_obeyed(train):
    stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=1, min_delta=100.0)

    assert len(train({"epochs": 9}, callbacks=[stopping]).history) == 2


def test_unknown_monitor_is_refused_before_anything_runs(train):
    with pytest.raises(ConfigError, match=r"`training\.monitor`"):
        train({"monitor": "val_f1"})


def test_curves_hold_each_epoch_once(train, tmp_path):
    folders = {"checkpoints": tmp_path / "ck", "curves": tmp_path / "tb"}
    with pytest.raises(KilledError):
        train({"epochs": 4}, callbacks=[Interrupt(8)], **folders)
    assert last_step(tmp_path / "tb" / "train") == 1
    train({"epochs": 4}, **folders)

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for run, tags in {
        "train": {"epoch_loss", "epoch_accuracy", "epoch_learning_rate", "epoch_steps_per_second"},
        "validation": {"epoch_loss", "epoch_accuracy"},
    }.items():
        events = EventAccumulator(str(tmp_path / "tb" / run)).Reload()
        assert set(events.Tags()["tensors"]) == tags
        assert [event.step for event in events.Tensors("epoch_loss")] == [0, 1, 2, 3]
