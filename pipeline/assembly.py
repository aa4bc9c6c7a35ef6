"""From a pipeline file to a pipeline: which components there are, and how they are wired.

Reads no data and imports neither TensorFlow nor Beam; what a file can get wrong is found here, before anything runs.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, cast

from pydantic import BaseModel, ValidationError

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
from models.family import Family
from models.pretraining import Pretrainable
from models.registry import PRETRAINABLE, family_class, make_family
from pipeline.consistency import add_contradictions, examples_columns
from pipeline.pipeline import Pipeline, strange_steps
from schemas.config import InfraValidationConfig, Modality, PipelineConfig, TrainingConfig
from schemas.errors import ConfigError
from schemas.mistakes import Mistakes
from schemas.pipeline_file import load, mistakes_of

_OF_THE_OPTIMIZER: Final = {"learning_rate", "learning_rate_schedule", "warmup_steps", "momentum", "weight_decay"}
"""Settings of a recipe that mean something else under another optimizer."""


def pipeline_from_file(path: Path, overrides: Sequence[str] = ()) -> Pipeline:
    """The pipeline of a file.

    Args:
        path: the pipeline file; relative paths in it start from its folder.
        overrides: `KEY=VALUE` settings that replace values of the file.

    Raises:
        ConfigError: a line for each mistake: file, line, key, what was expected, what was received.
    """
    base = path.resolve().parent

    def hyperparameters(family: str, modality: Modality) -> type[BaseModel]:
        return _family(family, modality, base).Config

    return assemble(load(path, overrides, hyperparameters=hyperparameters), base)


def assemble(config: PipelineConfig, base: Path) -> Pipeline:
    """The pipeline of a configuration that was read or made in Python.

    Raises:
        ConfigError: the family, its hyperparameters or the training settings are wrong, or parts contradict each other.
    """
    components = _components(config, _training(config, base))
    mistakes = mistakes_of(config.source)
    for step, said in strange_steps(config.steps, [component.name for component in components]).items():
        mistakes.add(("steps", step), said)
    mistakes.raise_any()
    return Pipeline(config.name, components, base=base, beam=config.beam, steps=config.steps)


def _training(config: PipelineConfig, base: Path) -> TrainingConfig:
    """The training settings, the family's recipe filled in; raises every mistake of the configuration at once."""
    try:
        family = _family(config.model.family, config.data.modality, base)
    except ConfigError as error:
        mistakes = mistakes_of(config.source)
        mistakes.add_error(("model", "family"), error)
        mistakes.raise_any()
        raise
    recipe = _recipe(config, family)
    mistakes = mistakes_of(config.source, family.Config)
    mistakes.check(family.Config, config.model.hyperparameters, ("model",))
    mistakes.check(TrainingConfig, config.training, ("training",))
    if config.task == "pretraining" and not issubclass(family, Pretrainable):
        mistakes.add(
            ("model", "family"),
            f"must have an encoder that `task: pretraining` can train: one of {', '.join(PRETRAINABLE)}, or your own"
            f" subclass of models.pretraining.Pretrainable. Received: {config.model.family}",
        )
    add_contradictions(mistakes, config, base, recipe)
    mistakes.raise_any()
    _check_files(mistakes, config, base)
    return _under_recipe(config.training, recipe)


def _check_files(mistakes: Mistakes, config: PipelineConfig, base: Path) -> None:
    """Raises what is wrong with files that the family reads."""
    try:
        make_family(config.model, tuple(config.data.features), config.data.modality, base).check_files()
    except ConfigError as error:
        mistakes.add(("model", "weights"), f"cannot be used: {str(error).removeprefix('`model.weights`: ')}")
        mistakes.raise_any()


def _recipe(config: PipelineConfig, family: type[Family]) -> TrainingConfig:
    """What the family trains with unless told otherwise."""
    try:
        return TrainingConfig.model_validate(family.recipe_for(config.task, config.model.hyperparameters))
    except ValidationError as error:
        raise ConfigError(f"`model.family`: the recipe of {config.model.family} is wrong: {error}") from error
    except Exception as error:
        raise ConfigError(
            f"`model.family`: the recipe of {config.model.family} fails: {type(error).__name__}: {error}"
        ) from error


def _under_recipe(given: Mapping[str, Any], recipe: TrainingConfig) -> TrainingConfig:
    """The file's training settings; what they leave out is the recipe's, then the default.

    A recipe's settings hold together: its least number of steps belongs to its epochs, its rate to its optimizer.
    """
    settings = recipe.model_dump(exclude_unset=True)
    if "epochs" in given:
        settings.pop("min_steps", None)
    if given.get("optimizer", recipe.optimizer) != recipe.optimizer:
        settings = {name: value for name, value in settings.items() if name not in _OF_THE_OPTIMIZER}
    return TrainingConfig.model_validate({**settings, **given})


def _family(name: str, modality: Modality, base: Path) -> type[Family]:
    """A family by name; one's own may stand in a module beside the pipeline file."""
    if ":" in name and str(base) not in sys.path:
        sys.path.append(str(base))
    return family_class(name, modality)


def _for_vectors(config: PipelineConfig) -> dict[str, Any]:
    """What ExampleValidator needs beside, where it is to compare texts or pictures by a model's vectors.

    Only then: with a champion among its inputs, the step is repeated whenever there is a new one.
    """
    if config.validation.embedding_drift is None:
        return {}
    champion, previous = BlessedBefore("examples"), LatestAccepted("examples")
    return {"champion": champion, "previous_examples": previous, "features": config.data.features}


def _components(config: PipelineConfig, training: TrainingConfig) -> list[Component]:
    label, task, model, features = config.data.label, config.task, config.model, config.data.features
    data = config.data.model_copy(update={"keep": examples_columns(config)})
    example_gen = ExampleGen(data=data, task=task)
    examples = example_gen.examples
    inputs, pictures = tuple(dict.fromkeys(features.values())), data.modality == "image"
    statistics_gen = StatisticsGen(
        examples=examples, label=label, text=() if pictures else inputs, images=inputs if pictures else ()
    )
    schema_gen = SchemaGen(
        statistics=statistics_gen.statistics,
        examples=examples,
        label=label,
        task=task,
        curated=config.schema_,
        frozen=None if config.schema_ else config.frozen_schema,
        rules=config.validation,
    )
    schema = schema_gen.schema
    validator = ExampleValidator(
        examples=examples,
        statistics=statistics_gen.statistics,
        schema=schema,
        previous=LatestAccepted("statistics"),
        label=label,
        rules=config.validation,
        **_for_vectors(config),
    )
    transform = Transform(
        examples=examples,
        schema=schema,
        model=model,
        features=features,
        label=label,
        task=task,
        box=config.data.box or (),
        modality=config.data.modality,
        materialize=config.transform.materialize,
        spans=config.data.spans is not None,
        max_pixels=config.data.images.max_pixels if config.data.images else None,
    )
    trainer = Trainer(
        examples=transform.transformed_examples,
        transform_graph=transform.transform_graph,
        schema=schema,
        champion=PreviousBlessed() if training.warm_start == "champion" else None,
        model_config=model,
        training=training,
        features=features,
        label=label,
        task=task,
        eval_split=config.data.eval_split,
        modality=config.data.modality,
    )
    evaluator = Evaluator(
        examples=examples,
        model=trainer.model,
        champion=LatestBlessed(other_than=cast(Channel, trainer.model)),  # a channel until it is bound
        eval_config=config.evaluation,
        split=config.evaluation_split,
        label=label,
        task=task,
        box=config.data.box or (),
    )
    components = [example_gen, statistics_gen, schema_gen, validator, transform, trainer, evaluator]
    if config.push is None and config.infra_validation is None:
        return components
    infra_validator = InfraValidator(
        model=trainer.model,
        examples=examples,
        infra_config=config.infra_validation or InfraValidationConfig(serving_binary="none"),
        model_name=config.name,
        features=features,
        split=config.evaluation_split,
    )
    components.append(infra_validator)
    if config.push is None:
        return components
    pusher = Pusher(
        model=trainer.model,
        blessing=evaluator.blessing,
        infra_blessing=infra_validator.infra_blessing,
        examples=examples,
        push=config.push,
        model_name=config.name,
        features=features,
        split=config.evaluation_split,
    )
    return [*components, pusher]
