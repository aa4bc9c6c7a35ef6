"""The outer training loop: epochs, validation, callbacks, checkpoints, and which weights are kept.

The inner steps are in `models/training/steps.py`. Not `Model.fit`: in Keras 3.15 that fails under
MultiWorkerMirroredStrategy, and with several steps a call under MirroredStrategy.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.tasks import TaskHead
from models.training.averaging import WeightAverage
from models.training.checkpoints import Checkpoints, Logs, Position, callback_state, restore_callback
from models.training.dataset import Augment, Batches
from models.training.events import Curves
from models.training.iteration import iterate
from models.training.layer_rates import LayerRates
from models.training.monitor import Monitor
from models.training.optimizers import make_optimizer
from models.training.phases import Held, Phase, phases
from models.training.steps import Steps, Sums
from models.training.strategies import check_batch_size, make_strategy, policy_of, precision
from schemas.config import TrainingConfig
from schemas.errors import TrainingError


@dataclass(frozen=True)
class Fit:
    """A finished training.

    Attributes:
        model: with the weights to export; float32 and free of any strategy.
        history: logs by epoch: `loss`, the task's measures, the same with `val_`, `learning_rate`, `steps_per_second`.
        best_epoch: the epoch with the best `monitor`, counted from 0.
        weights_epoch: the epoch whose weights the model holds.
    """

    model: keras.Model
    history: Sequence[Logs]
    best_epoch: int
    weights_epoch: int


def fit(
    build: Callable[[], keras.Model],
    task: TaskHead,
    train: Batches,
    validation: Batches,
    config: TrainingConfig,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    checkpoints: Path | None = None,
    curves: Path | None = None,
    augment: Augment | None = None,
) -> Fit:
    """Trains a network, or carries on from the newest checkpoint.

    The same seed gives the same weights bit for bit on one CPU device, and a training that was killed and resumed gives
    those of an undisturbed one. (Randomness must come from Keras' seed generators, as in Keras' own layers.)

    Args:
        build: makes the network; it is called with the seed set, in the strategy's scope and under the precision.
        task: loss and measures.
        train: the training split's batches.
        validation: the batches that watch it.
        config: the `training:` section.
        callbacks: Keras callbacks. `on_train_batch_end` comes once every `steps_per_loop` steps; their plain attributes
            are saved in checkpoints. In `on_epoch_end` the model holds the weights that were evaluated.
        checkpoints: folder for checkpoints; None for none.
        curves: TensorBoard log folder; None for none.
        augment: changes batches on the device, with a seed of its own for each step and replica.

    Raises:
        ConfigError: `batch_size` does not divide by the replicas, `monitor` names nothing, or a setting is for networks
            of another kind.
        TrainingError: the loss was not a finite number.
    """
    config = config.model_copy(update={"precision": policy_of(config.precision)})
    monitor = Monitor(config.monitor, task.measures, config.early_stopping)
    strategy = make_strategy(config.strategy)
    check_batch_size(train.batch_size, strategy)
    if config.micro_batch_size is not None:
        check_batch_size(config.micro_batch_size, strategy, name="micro_batch_size")
    keras.utils.set_random_seed(config.seed)
    with strategy.scope(), precision(config.precision):
        model = build()
        training = _Training(
            model,
            task=task,
            strategy=strategy,
            monitor=monitor,
            train=train,
            validation=validation,
            config=config,
            augment=augment,
        )
        training.run(list(callbacks), checkpoints, curves)
    if strategy.num_replicas_in_sync > 1 or config.precision != "float32":
        model = _plain_copy(build, model)
    return Fit(model, training.position.history, training.position.best_epoch, training.weights_epoch)


def epochs_to_train(config: TrainingConfig, steps: int) -> int:
    """Epochs of `steps` steps: as many as are asked for, or more to reach `min_steps`."""
    return max(config.epochs, math.ceil(config.min_steps / steps))


def _plain_copy(build: Callable[[], keras.Model], trained: keras.Model) -> keras.Model:
    model = build()
    model.set_weights(trained.get_weights())
    return model


@dataclass(frozen=True)
class _Stage:
    """A phase with what it trains with."""

    phase: Phase
    optimizer: keras.optimizers.Optimizer
    steps: Steps


class _Training:
    """One call of `fit`."""

    def __init__(
        self,
        model: keras.Model,
        *,
        task: TaskHead,
        strategy: tf.distribute.Strategy,
        monitor: Monitor,
        train: Batches,
        validation: Batches,
        config: TrainingConfig,
        augment: Augment | None,
    ) -> None:
        self._model, self._task, self._strategy, self._monitor = model, task, strategy, monitor
        self._train, self._validation, self._config = train, validation, config
        self._epochs = epochs_to_train(config, train.steps)
        self._average = WeightAverage(model, config.average_weights) if config.average_weights else None
        self._best = [tf.Variable(w.numpy(), trainable=False) for w in model.weights] if config.restore_best else []
        self._phases = phases(config, self._epochs, model)
        self._held = Held(model) if any(phase.head_only for phase in self._phases) else None
        self._stages = [self._stage(phase, augment) for phase in self._phases]
        # One iterator for all epochs: making one takes as long as going through a few hundred texts.
        self._evaluation = iterate(validation.evaluation().repeat(), strategy)
        self.position = Position()
        self.weights_epoch = 0

    def _stage(self, phase: Phase, augment: Augment | None) -> "_Stage":
        """What a phase trains with; the optimizer knows only what the phase trains."""
        self._hold_for(phase)
        config, per_epoch = self._config, self._train.steps
        rated = config.model_copy(update={"learning_rate": phase.learning_rate})
        optimizer = make_optimizer(rated, self._model, total_steps=phase.epochs * per_epoch)
        steps = Steps(
            self._model,
            optimizer,
            self._task,
            self._strategy,
            label_smoothing=config.label_smoothing,
            clip_norm=config.clip_norm,
            micro_batch_size=config.micro_batch_size,
            layer_rates=LayerRates(self._model, config.layer_decay) if config.layer_decay else None,
            average=self._average,
            augment=augment,
            class_weights=self._train.class_weights,
            seed=(config.seed, phase.first * per_epoch),
        )
        return _Stage(phase, optimizer, steps)

    def _hold_for(self, phase: Phase) -> None:
        if self._held and phase.head_only:
            self._held.hold()
        elif self._held:
            self._held.let_go()

    @property
    def _now(self) -> "_Stage":
        """The stage that the epoch belongs to; the last one after the last epoch."""
        return next(stage for stage in reversed(self._stages) if stage.phase.first <= self.position.epoch)

    def _enter_stage(self) -> None:
        """Makes the network and the callbacks know what is trained now."""
        self._hold_for(self._now.phase)
        self._model.optimizer = self._now.optimizer

    def run(
        self, callbacks: list[keras.callbacks.Callback], checkpoint_folder: Path | None, curves_folder: Path | None
    ) -> None:
        """Trains to the end and leaves the weights to export in the model."""
        self._checkpoints = Checkpoints(checkpoint_folder, self._variables(), self._config.checkpoint_seconds)
        self.position = self._checkpoints.restore() or self.position
        self._curves = Curves(curves_folder) if curves_folder else None
        self._callbacks = self._start_callbacks(callbacks)
        iterator = self._iterator()
        while self.position.epoch < self._epochs and not self.position.stopped:
            self._run_epoch(iterator)
        if self._curves:
            self._curves.write(self.position.history)
            self._curves.close()
        self._keep_weights()
        self._callbacks.on_train_end(dict(self.position.history[-1]))

    def _variables(self) -> dict[str, list[tf.Variable]]:
        return {
            "model": [variable.value for variable in self._model.variables],
            "optimizer": [variable.value for stage in self._stages for variable in stage.optimizer.variables],
            "average": self._average.shadows if self._average else [],
            "best": self._best,
        }

    def _start_callbacks(self, callbacks: list[keras.callbacks.Callback]) -> keras.callbacks.CallbackList:
        self._enter_stage()
        self._model.stop_training = False
        params = {"epochs": self._epochs, "verbose": 0, "steps": self._train.steps}
        started = keras.callbacks.CallbackList(callbacks, add_history=False, model=self._model, **params)
        started.on_train_begin()
        if self.position.step:
            started.on_epoch_begin(self.position.epoch)
        for callback, state in zip(callbacks, self.position.callbacks, strict=False):
            restore_callback(callback, state)
        return started

    def _iterator(self) -> Any:
        if self.position.epoch >= self._epochs or self.position.stopped:
            return None
        dataset = self._train.training(self._epochs, epoch=self.position.epoch, skip=self.position.step)
        return iterate(dataset, self._strategy)

    def _run_epoch(self, iterator: Any) -> None:
        position = self.position
        self._enter_stage()
        if not position.step:
            self._callbacks.on_epoch_begin(position.epoch)
        while position.step < self._train.steps:
            self._run_loop(iterator)
            if position.step < self._train.steps and self._checkpoints.due:
                self._save()
        self._end_epoch()

    def _run_loop(self, iterator: Any) -> None:
        """One call of the inner loop."""
        position, start = self.position, time.monotonic()
        steps = min(self._config.steps_per_loop, self._train.steps - position.step)
        self._callbacks.on_train_batch_begin(position.step)
        sums = self._now.steps.train(iterator, steps)
        if sums.broken_step >= 0:
            raise _not_finite(position.epoch, position.step + sums.broken_step, self._config)
        position.sums = (sums.values + np.asarray(position.sums or 0.0)).tolist()
        position.step += steps
        position.seconds += time.monotonic() - start
        self._callbacks.on_train_batch_end(position.step - 1, self._running())

    def _running(self) -> Logs:
        return Sums(np.asarray(self.position.sums)).means(self._task.measures)

    def _end_epoch(self) -> None:
        position = self.position
        logs = self._running()
        if self._average:
            with self._average.swapped_in():
                self._judge_epoch(logs)
        else:
            self._judge_epoch(logs)
        last_phase = self._phases[-1].first
        position.stopped = self._monitor.gives_up(position.history, last_phase) or bool(self._model.stop_training)
        position.epoch, position.step, position.sums, position.seconds = position.epoch + 1, 0, [], 0.0
        if self._checkpoints.due_at_epoch_end or position.stopped or position.epoch == self._epochs:
            self._save()
        if self._curves:
            self._curves.write(position.history)

    def _judge_epoch(self, logs: Logs) -> None:
        """Evaluates the weights that the model holds, and keeps them if they are the best so far."""
        position = self.position
        logs |= self._evaluate()
        logs["learning_rate"] = float(tf.convert_to_tensor(self._now.optimizer.learning_rate))
        logs["steps_per_second"] = self._train.steps / max(position.seconds, 1e-9)
        position.history.append(dict(logs))
        position.best_epoch = self._monitor.best_epoch(position.history)
        if position.best_epoch == position.epoch:
            for best, weight in zip(self._best, self._model.weights if self._best else (), strict=True):
                best.assign(weight.numpy())
        self._callbacks.on_epoch_end(position.epoch, logs)

    def _evaluate(self) -> Logs:
        sums = self._stages[-1].steps.evaluate(self._evaluation, self._validation.steps)
        logs = sums.means(self._task.measures, prefix="val_")
        if not math.isfinite(logs["val_loss"]):
            raise _not_finite(self.position.epoch, self._train.steps - 1, self._config)
        return logs

    def _save(self) -> None:
        self.position.callbacks = [callback_state(callback) for callback in self._callbacks.callbacks]
        self._checkpoints.save(self.position)

    def _keep_weights(self) -> None:
        self.weights_epoch = self.position.epoch - 1
        if self._best:
            self.weights_epoch = self.position.best_epoch
            for weight, best in zip(self._model.weights, self._best, strict=True):
                weight.assign(best.numpy())
        elif self._average:
            self._average.overwrite()


def _not_finite(epoch: int, step: int, config: TrainingConfig) -> TrainingError:
    return TrainingError(
        f"The loss is not a finite number in epoch {epoch + 1}, step {step + 1}. Try a lower `training.learning_rate`"
        f" (now {config.learning_rate:g}), a `training.clip_norm` (now {config.clip_norm}), some"
        f" `training.warmup_steps` (now {config.warmup_steps:g})"
        + (", or `training.precision: float32`." if config.precision == "mixed_float16" else ".")
    )
