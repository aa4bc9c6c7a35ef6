"""From a pipeline file to a pipeline.

Reads no data and imports neither TensorFlow nor Beam; what a file can get wrong is found here, before anything runs.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from models.family import Family
from models.pretraining import Pretrainable
from models.registry import PRETRAINABLE, family_class, make_family
from pipeline.consistency import add_contradictions
from pipeline.pipeline import Pipeline, strange_steps
from pipeline.wiring import Wiring
from schemas.config import Modality, PipelineConfig, TrainingConfig
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
    components = Wiring(config, _training(config, base)).components()
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
    recipe = _recipe(config, family, base)
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


def _recipe(config: PipelineConfig, family: type[Family], base: Path) -> TrainingConfig:
    """What the family trains with unless told otherwise."""
    try:
        return TrainingConfig.model_validate(family.recipe_for(config.task, config.model.hyperparameters, base))
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
