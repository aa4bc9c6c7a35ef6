"""Trains the network and exports the model."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from components.component import Component, Context, Input, Output
from models.pretraining import Pretrainable, PretrainedFamily
from models.registry import import_path, make_family
from schemas.artifacts import Examples, Model, ModelRun, Schema, TransformGraph
from schemas.config import Modality, ModelConfig, Task, TrainingConfig
from schemas.errors import ConfigError
from schemas.features import classes, columns, load_schema

if TYPE_CHECKING:
    import keras

    from models.analyzer import Facts
    from models.family import Family, Preprocess
    from models.tasks import TaskHead
    from models.training.dataset import Augment, Batches
    from models.training.loop import Fit
    from models.training.preparation import FeatureSpec
    from models.training.warm_start import WarmStart


class Trainer(Component):
    """One training of one family: from transformed examples to a SavedModel.

    What it exports holds the family's preprocessing, rebuilt from the facts that Transform stored, so training and
    serving cannot differ. Killed and started again, it goes on from its last checkpoint. It may start from the
    champion's weights (`models/training/warm_start.py`).
    """

    libraries = ("tensorflow", "keras", "tensorflow-text", "numpy")

    examples: Input[Examples]
    """Transformed examples."""
    transform_graph: Input[TransformGraph]
    schema: Input[Schema]
    """Of the raw examples: the classes, and the columns' types."""
    champion: Input[Model] | None
    """Where the weights start, with `training.warm_start: champion`."""
    model: Output[Model]
    model_run: Output[ModelRun]

    model_config: ModelConfig
    """The section `model:` of the pipeline file."""
    training: TrainingConfig
    features: dict[str, str]
    label: str | None
    task: Task
    eval_split: str
    modality: Modality = "text"

    def sources(self) -> Sequence[str]:
        """The family's module."""
        return (import_path(self.model_config.family, self.modality).partition(":")[0],)

    def external_inputs(self, base: Path) -> Sequence[Path]:
        """Weights that the network starts from."""
        return make_family(self.model_config, tuple(self.features), self.modality, base).files()

    def run(self, context: Context) -> None:
        """Trains and exports; curves go to the run's TensorBoard folder while it trains.

        Raises:
            ConfigError: a setting does not fit the data or this machine.
            DataError: a split is empty, or there is one class only.
            TrainingError: the loss was not a finite number.
        """
        from models.facts import load_facts
        from models.training.preparation import feature_spec, is_raw
        from models.training.warm_start import WarmStart
        from models.weight_names import WeightNames

        self._check_names()
        self._check_start()
        family = self._family(context.base)
        spec, facts = feature_spec(self.transform_graph.transformed_schema), load_facts(self.transform_graph.facts)
        preprocess = family.preprocess(facts) if is_raw(spec) else None
        train, validation = (
            self._batches(split, spec, preprocess, family, context.scratch) for split in ("train", self.eval_split)
        )
        head = self._head(train, family, facts)
        on_device = self._augment(head) if self.training.augment_on == "device" else None
        train.augment = None if on_device else self._augment(head)
        if isinstance(family, PretrainedFamily):
            train.augment, validation.evaluated_as = family.masking(facts)
        refined = family.refine(facts, train.inputs())
        names = WeightNames.of(family, facts, head)
        warm = WarmStart(self.champion, names) if self.champion else None
        build = partial(family.network, refined, head.outputs)
        fitted = self._fit(context, warm.of(build) if warm else build, head, train, validation, augment=on_device)
        self._tell_start(context, warm)
        trained = fitted.model
        fitted = replace(fitted, model=family.exported(trained, refined, head.outputs))
        if self.modality == "image":
            self._show(context, fitted, head, train, validation, augment=on_device)
        embedder = family.embedder(fitted.model) if isinstance(family, PretrainedFamily) else None
        self._export(fitted, family.preprocess(facts), head, keras_network=embedder)
        if isinstance(family, PretrainedFamily):
            family.save_checkpoint(trained, facts, self.model.checkpoint)
        names.save(self.model.weight_names)
        shutil.copytree(context.tensorboard, self.model_run.uri, dirs_exist_ok=True)

    def _family(self, base: Path) -> "Family":
        family = make_family(self.model_config, tuple(self.features), self.modality, base)
        if self.task != "pretraining":
            return family
        if not isinstance(family, Pretrainable):
            raise ConfigError(
                "`model.family` must have an encoder that `task: pretraining` can train. Received:"
                f" {self.model_config.family}"
            )
        return PretrainedFamily(family)

    def _check_names(self) -> None:
        for name in self.features:
            if not name.isidentifier():
                raise ConfigError(
                    "`data.features`: a model input's name becomes the name of a tensor, so it must be letters, digits"
                    f" and `_` only. Received: {name}"
                )

    def _check_start(self) -> None:
        if (self.training.warm_start == "champion") != ("champion" in self.inputs):
            raise ConfigError(
                "`training.warm_start: champion` and the input `champion`, a PreviousBlessed(), go together. Received:"
                f" warm_start={self.training.warm_start}, inputs {', '.join(self.inputs)}"
            )

    def _tell_start(self, context: Context, warm: "WarmStart | None") -> None:
        """Says where the weights started, to the person, the log and lineage."""
        if self.training.warm_start == "none":
            return
        if warm and warm.misfit:
            context.logger.warning("%s", warm.misfit)
        told = (warm.misfit or warm.told) if warm else "training starts from scratch: no model has been blessed yet"
        context.logger.info("%s", told)
        self.model.properties["warm_start"] = told

    def _batches(
        self, split: str, spec: "FeatureSpec", preprocess: "Preprocess | None", family: "Family", scratch: Path
    ) -> "Batches":
        from models.training.dataset import Batches

        return Batches(
            self.examples.shards(split),
            spec,
            self.training.batch_size,
            name=split,
            bucket_by_length=self.training.bucket_by_length,
            length_multiple=family.length_multiple,
            seed=self.training.seed,
            preprocess=preprocess,
            pixels_folder=scratch / "pixels" if self.training.cache == "disk" else None,
        )

    def _head(self, train: "Batches", family: "Family", facts: "Facts") -> "TaskHead":
        """The task, with what it must know of the labels."""
        from models.tasks import Classification, Localization, MultiLabel, Pretraining, Regression
        from models.training.labels import class_weights, moments

        if isinstance(family, PretrainedFamily):
            return Pretraining(len(family.family.pieces(facts).kinds))
        if self.task == "regression":
            return Regression(*moments(train.labels()))
        if self.label is None:
            raise ConfigError(f"`data.label` is needed for `task: {self.task}`. Received: none")
        names = classes(load_schema(self.schema.path), self.label)
        if self.task != "classification" and self.training.class_weights:
            raise ConfigError(f"`training.class_weights` is for classification. Received: task={self.task}")
        if self.task == "multi-label":
            return MultiLabel(names)
        if self.task == "localization":
            return Localization(names)
        head = Classification(names)
        train.class_weights = class_weights(self.training.class_weights, head.classes, train.labels())
        return head

    def _augment(self, head: "TaskHead") -> "Augment | None":
        """What pictures go through while training."""
        if not self.training.augmented or self.modality != "image":
            return None
        from models.images.augmentation.sequence import Augmentation

        return Augmentation(self.training.augmented, len(head.classes) or None).of_inputs

    def _fit(
        self,
        context: Context,
        build: "Callable[[], keras.Model]",
        head: "TaskHead",
        train: "Batches",
        validation: "Batches",
        *,
        augment: "Augment | None",
    ) -> "Fit":
        from models.training.callbacks import ProgressReport
        from models.training.loop import epochs_to_train, fit

        epochs = epochs_to_train(self.training, train.steps)
        steps = epochs * train.steps
        context.logger.info("training %d epochs of %d steps: %d steps in all", epochs, train.steps, steps)
        with context.progress("training", total=steps) as progress:
            fitted = fit(
                build,
                head,
                train,
                validation,
                self.training,
                callbacks=[ProgressReport(progress.advance, train.batch_size, train.steps)],
                augment=augment,
                checkpoints=context.scratch / "checkpoints",
                curves=context.tensorboard,
            )
        for epoch, logs in enumerate(fitted.history, start=1):
            numbers = "  ".join(f"{name} {value:.4g}" for name, value in logs.items())
            context.logger.info("epoch %d: %s", epoch, numbers)
        context.logger.info("exporting the weights of epoch %d", fitted.weights_epoch + 1)
        return fitted

    def _show(
        self,
        context: Context,
        fitted: "Fit",
        head: "TaskHead",
        train: "Batches",
        validation: "Batches",
        *,
        augment: "Augment | None",
    ) -> None:
        """Pictures for TensorBoard, of the weights that are exported."""
        from models.training.pictures import log_pictures

        step = fitted.weights_epoch
        log_pictures(context.tensorboard, fitted.model, head, train, validation, step=step, augment=augment)

    def _export(
        self, fitted: "Fit", preprocess: "Preprocess", head: "TaskHead", *, keras_network: "keras.Model | None"
    ) -> None:
        from models.export.saved_model import export

        types = columns(load_schema(self.schema.path))
        export(
            fitted.model,
            preprocess,
            task=head,
            features=self.features,
            columns=types,
            model=self.model,
            modality=self.modality,
            keras_network=keras_network,
        )
        self.model.note_columns({column: types[column] for column in self.features.values()})
