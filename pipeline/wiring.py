"""Which components a pipeline file has, and how they are wired: one property a component."""

from functools import cached_property
from typing import Any, cast

from components.component import BlessedBefore, Channel, Component, LatestAccepted, LatestBlessed, PreviousBlessed
from components.evaluator import Evaluator
from components.example_gen import ExampleGen
from components.example_validator import ExampleValidator
from components.infra_validator import InfraValidator
from components.pusher import Pusher
from components.schema_gen import SchemaGen
from components.statistics_gen import StatisticsGen
from components.trainer import Trainer
from components.transform import Transform
from pipeline.consistency import examples_columns
from schemas.config import InfraValidationConfig, PipelineConfig, TrainingConfig


class Wiring:
    """The components of a configuration.

    Args:
        config: the pipeline file.
        training: its training settings, the family's recipe filled in.
    """

    def __init__(self, config: PipelineConfig, training: TrainingConfig) -> None:
        self._config, self._training = config, training
        self._label, self._task = config.data.label, config.task
        self._box, self._features = config.data.box or (), config.data.features

    def components(self) -> list[Component]:
        """All of them, in the order in which they are told; without `push`, nothing is pushed."""
        steps: list[Component] = [self.example_gen, self.statistics_gen, self.schema_gen, self.example_validator]
        steps += [self.transform, self.trainer, self.evaluator]
        if self._config.push or self._config.infra_validation:
            steps.append(self.infra_validator)
        return [*steps, self.pusher] if self._config.push else steps

    @cached_property
    def example_gen(self) -> ExampleGen:
        data = self._config.data.model_copy(update={"keep": examples_columns(self._config)})
        return ExampleGen(data=data, task=self._task)

    @cached_property
    def statistics_gen(self) -> StatisticsGen:
        inputs, pictures = tuple(dict.fromkeys(self._features.values())), self._config.data.modality == "image"
        return StatisticsGen(
            examples=self.example_gen.examples,
            label=self._label,
            text=() if pictures else inputs,
            images=inputs if pictures else (),
        )

    @cached_property
    def schema_gen(self) -> SchemaGen:
        config = self._config
        return SchemaGen(
            statistics=self.statistics_gen.statistics,
            examples=self.example_gen.examples,
            label=self._label,
            task=self._task,
            curated=config.schema_,
            frozen=None if config.schema_ else config.frozen_schema,
            rules=config.validation,
        )

    @cached_property
    def example_validator(self) -> ExampleValidator:
        return ExampleValidator(
            examples=self.example_gen.examples,
            statistics=self.statistics_gen.statistics,
            schema=self.schema_gen.schema,
            previous=LatestAccepted("statistics"),
            label=self._label,
            rules=self._config.validation,
            **self._for_vectors(),
        )

    @cached_property
    def transform(self) -> Transform:
        config, images = self._config, self._config.data.images
        return Transform(
            examples=self.example_gen.examples,
            schema=self.schema_gen.schema,
            model=config.model,
            features=self._features,
            label=self._label,
            task=self._task,
            box=self._box,
            modality=config.data.modality,
            materialize=config.transform.materialize,
            spans=config.data.spans is not None,
            max_pixels=images.max_pixels if images else None,
        )

    @cached_property
    def trainer(self) -> Trainer:
        config = self._config
        return Trainer(
            examples=self.transform.transformed_examples,
            transform_graph=self.transform.transform_graph,
            schema=self.schema_gen.schema,
            champion=PreviousBlessed() if self._training.warm_start == "champion" else None,
            model_config=config.model,
            training=self._training,
            features=self._features,
            label=self._label,
            task=self._task,
            eval_split=config.data.eval_split,
            modality=config.data.modality,
        )

    @cached_property
    def evaluator(self) -> Evaluator:
        config = self._config
        return Evaluator(
            examples=self.example_gen.examples,
            model=self.trainer.model,
            champion=LatestBlessed(other_than=cast(Channel, self.trainer.model)),  # a channel until it is bound
            eval_config=config.evaluation,
            split=config.evaluation_split,
            label=self._label,
            task=self._task,
            box=self._box,
        )

    @cached_property
    def infra_validator(self) -> InfraValidator:
        config = self._config
        return InfraValidator(
            model=self.trainer.model,
            examples=self.example_gen.examples,
            infra_config=config.infra_validation or InfraValidationConfig(serving_binary="none"),
            model_name=config.name,
            features=self._features,
            split=config.evaluation_split,
        )

    @cached_property
    def pusher(self) -> Pusher:
        config = self._config
        return Pusher(
            model=self.trainer.model,
            blessing=self.evaluator.blessing,
            infra_blessing=self.infra_validator.infra_blessing,
            examples=self.example_gen.examples,
            push=config.push,
            model_name=config.name,
            features=self._features,
            split=config.evaluation_split,
        )

    def _for_vectors(self) -> dict[str, Any]:
        """What ExampleValidator needs beside, where it is to compare texts or pictures by a model's vectors.

        Only then: with a champion among its inputs, the step is repeated whenever there is a new one.
        """
        if self._config.validation.embedding_drift is None:
            return {}
        champion, previous = BlessedBefore("examples"), LatestAccepted("examples")
        return {"champion": champion, "previous_examples": previous, "features": self._features}
