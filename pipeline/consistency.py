"""Where the parts of a pipeline file contradict each other, though each is right in itself."""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from components.metrics.rules import check_rules, slicings
from schemas.config import CLASS_TASKS, PipelineConfig, TrainingConfig
from schemas.errors import ConfigError
from schemas.features import check_label, classes, columns, load_schema
from schemas.ingestion import SOURCE
from schemas.manifest import load_key
from schemas.mistakes import Mistakes
from schemas.names import is_split_name
from schemas.yaml_document import Key

_INPUT_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

_PATH: Final = re.compile(r"^(?!\w+://).*(/|\\|\.keras$|\.h5$)")

_BOX_STAYS: Final = ("color_jitter", "random_erasing")
"""Augmentation that moves nothing in a picture, and mixes it with no other."""

_NO_RECIPE: Final = TrainingConfig()

Contradiction = tuple[Key, str]
"""A key of the file, and what is said about it."""


def add_contradictions(
    mistakes: Mistakes, config: PipelineConfig, base: Path, recipe: TrainingConfig = _NO_RECIPE
) -> None:
    """Adds what contradicts itself, without reading data.

    Args:
        mistakes: the list to add to.
        config: a pipeline whose every field is valid.
        base: the folder that relative paths start from.
        recipe: the family's training settings.
    """
    for find_with in (_momentum, _still_boxes):
        for key, message in find_with(config, recipe):
            mistakes.add(key, message)
    for find in (
        _features,
        _label,
        _splits,
        _columns,
        _slices,
        _rules,
        _regression,
        _new_labels,
        _multi_label,
        _localization,
        _pretraining,
        _pictures,
        _head_first,
        _warm_start,
        _monitor,
        schedule,
    ):
        for key, message in find(config):
            mistakes.add(key, message)
    for find_below in (_paths, _weights, _vocabulary, _schema):
        for key, message in find_below(config, base):
            mistakes.add(key, message)


def examples_columns(config: PipelineConfig) -> tuple[str, ...]:
    """Columns that examples must hold beside features and label: `keep`, and those of slices and the partition key."""
    holdout = config.data.holdout
    partition = [holdout.by] if holdout and holdout.by != "hash" else []
    wanted = [*config.data.keep, *partition, *(column for cross in slicings(config.evaluation) for column in cross)]
    written = {*config.data.features.values(), config.data.label, *(config.data.box or ())}
    return tuple(dict.fromkeys(column for column in wanted if column not in written))


def _features(config: PipelineConfig) -> Iterator[Contradiction]:
    for name, column in config.data.features.items():
        key = ("data", "features", name)
        if not _INPUT_NAME.fullmatch(name) or name == "label":
            yield (
                key,
                "must be the name of a model input: letters, digits and `_`, not `label`, which stands for the answer."
                f" Received: {name}",
            )
        if column == config.data.label:
            yield key, f"must not be the column that `data.label` names, or the model is told the answer: {column}"


def _label(config: PipelineConfig) -> Iterator[Contradiction]:
    if config.data.label is None and config.task != "pretraining":
        yield (
            ("data", "label"),
            "is required: the column to predict; `task: pretraining` alone has none. Received: task=" + config.task,
        )


def _splits(config: PipelineConfig) -> Iterator[Contradiction]:
    holdout = config.data.holdout
    for name in holdout.fractions if holdout else ():
        if name in config.data.splits:
            yield ("data", "holdout", name), "must not be the name of a split that `data.splits` gives. Rename one."
    names = config.data.split_names
    for name in names:
        if not is_split_name(name):
            yield _split_key(config, name), "must be a folder's name: letters, digits, `_`, `-` and `.`. Rename it."
    if config.evaluation_split not in names:
        yield (
            ("evaluation", "split"),
            f"must be one of the splits {', '.join(names)}. Received: split={config.evaluation_split!r}",
        )


def _split_key(config: PipelineConfig, name: str) -> Key:
    return ("data", "splits" if name in config.data.splits else "holdout", name)


def _columns(config: PipelineConfig) -> Iterator[Contradiction]:
    """Columns against the list of them, where the file itself gives it."""
    data = config.data
    used: dict[str, Key] = {column: ("data", "features", name) for name, column in data.features.items()}
    used |= {column: ("data", "box", place) for place, column in enumerate(data.box or ())}
    used |= {} if data.label is None else {data.label: ("data", "label")}
    used |= dict.fromkeys(data.keep, ("data", "keep"))
    if data.holdout and data.holdout.by != "hash":
        used[data.holdout.by] = ("data", "holdout", "by")
    used |= {
        column: ("evaluation", "slices")
        for cross in slicings(config.evaluation)
        for column in cross
        if column not in used
    }
    for column, key in used.items():
        if column == SOURCE:
            yield key, f"must not name column `{SOURCE}`: a row's file and line are kept under that name."
        elif data.columns is not None and column not in data.columns:
            yield key, f"must name one of `data.columns` ({', '.join(data.columns)}). Received: {column}"


def _slices(config: PipelineConfig) -> Iterator[Contradiction]:
    for index, entry in enumerate(config.evaluation.slices):
        cross = (entry,) if isinstance(entry, str) else entry
        if not cross or len(set(cross)) < len(cross):
            yield ("evaluation", "slices", index), f"must name different columns. Received: [{', '.join(cross)}]"


def _rules(config: PipelineConfig) -> Iterator[Contradiction]:
    """Rules against the metrics that the task has, and the slices that are listed."""
    for index, rule in enumerate(config.evaluation.require):
        try:
            check_rules(config.evaluation.model_copy(update={"require": (rule,)}), config.task)
        except ConfigError as error:
            yield ("evaluation", "require", index), f"is wrong: {str(error).removeprefix('`evaluation.require`: ')}"


def _regression(config: PipelineConfig) -> Iterator[Contradiction]:
    if config.task != "regression":
        return
    for name in ("class_weights", "label_smoothing"):
        if config.training.get(name):
            yield ("training", name), "is for classification; with `task: regression` leave it out."
    if config.monitoring and config.monitoring.labels:
        yield ("monitoring", "labels"), "tells of answers right or wrong; with `task: regression` leave it out."


def _new_labels(config: PipelineConfig) -> Iterator[Contradiction]:
    policy, key = config.validation.new_labels, ("validation", "new_labels")
    if policy != "stop" and config.task not in CLASS_TASKS:
        yield key, f"is for labels that are words; with `task: {config.task}` leave it out. Received: {policy}"
    elif policy == "grow" and config.schema_:
        yield (
            key,
            f"must not be grow with a curated `schema`, which is never written: add new labels to {config.schema_}, or"
            " take stop or ignore. Received: grow",
        )


def _multi_label(config: PipelineConfig) -> Iterator[Contradiction]:
    if config.task == "multi-label":
        if config.training.get("class_weights"):
            yield ("training", "class_weights"), "is for classification; with `task: multi-label` leave it out."
    elif "label_separator" in config.data.model_fields_set:
        yield ("data", "label_separator"), f"is for `task: multi-label`. Received: task={config.task}"


def _localization(config: PipelineConfig) -> Iterator[Contradiction]:
    data = config.data
    if config.task != "localization":
        for name in ("box", "box_unit"):
            if name in data.model_fields_set:
                yield ("data", name), f"is for `task: localization`. Received: task={config.task}"
        return
    if data.box is None:
        yield ("data",), "needs `box` with `task: localization`: the columns [xmin, ymin, xmax, ymax]."
    elif len({*data.box, *data.features.values(), data.label}) < len(data.box) + len(data.features) + 1:
        yield ("data", "box"), "must name four columns that are neither each other, nor the label, nor a feature."
    if data.images is None or len(data.features) != 1:
        yield ("data", "features"), "must be one picture with `task: localization`, which is where the box lies."
    if config.training.get("class_weights"):
        yield ("training", "class_weights"), "is for classification; with `task: localization` leave it out."
    if config.model.hyperparameters.get("fit", "stretch") != "stretch":
        fit = config.model.hyperparameters["fit"]
        yield ("model", "fit"), f"must be `stretch` with `task: localization`, or the box moves. Received: {fit}"


def _pretraining(config: PipelineConfig) -> Iterator[Contradiction]:
    if config.task != "pretraining":
        return
    if config.data.modality != "text":
        yield ("data", "features"), "must be texts with `task: pretraining`. Received: pictures"
    elif config.data.label is not None:
        yield (
            ("data", "label"),
            "is for tasks that predict it; `task: pretraining` learns from texts alone. Leave it out; what slices need"
            f" goes to `data.keep`. Received: label={config.data.label}",
        )
    for name in ("class_weights", "label_smoothing"):
        if config.training.get(name):
            yield ("training", name), "is for classification; with `task: pretraining` leave it out."
    if config.monitoring:
        yield ("monitoring",), "looks at answers that tell a label; with `task: pretraining` leave it out."
    if config.training.get("warm_start") == "champion":
        yield (
            ("training", "warm_start"),
            "is for tasks with a label; with `task: pretraining` name what was pushed as `model.weights`."
            " Received: champion",
        )
    if config.model.hyperparameters.get("lora"):
        yield ("model", "lora"), "is for fine-tuning; with `task: pretraining` all of the encoder learns. Leave it out."


def _still_boxes(config: PipelineConfig, recipe: TrainingConfig) -> Iterator[Contradiction]:
    """Augmentation leaves boxes where they are, be it the file's or the recipe's."""
    if config.task != "localization":
        return
    named = "augmentation" in config.training
    steps = config.training["augmentation"] if named else recipe.model_dump(exclude_none=True)["augmentation"]
    for place, step in enumerate(steps or ()):
        name = step if isinstance(step, str) else next(iter(step), "")
        if name not in _BOX_STAYS:
            key: Key = ("training", "augmentation", place) if named else ("training", "augmentation")
            yield (
                key,
                f"must leave the box where it is, with `task: localization`: one of {', '.join(_BOX_STAYS)}."
                f" Received: {name}{'' if named else ', of the recipe of the family'}",
            )


def _pictures(config: PipelineConfig) -> Iterator[Contradiction]:
    if config.data.modality != "image":
        for name in ("augmentation", "augment_on"):
            if config.training.get(name):
                yield ("training", name), "is for pictures; the features of `data` are texts. Leave it out."


def _head_first(config: PipelineConfig) -> Iterator[Contradiction]:
    """A family of one's own may know of a backbone that has learned something."""
    if ":" in config.model.family or config.model.hyperparameters.get("weights", "none") != "none":
        return
    for name in ("head_epochs", "fine_tune_rate"):
        if config.training.get(name):
            yield (
                ("training", name),
                "is for a network that starts from `model.weights`; give it some, or leave it out.",
            )


def _warm_start(config: PipelineConfig) -> Iterator[Contradiction]:
    if config.training.get("warm_start") == "champion" and config.model.hyperparameters.get("lora") is not None:
        yield (
            ("training", "warm_start"),
            "must be none with `model.lora`: an exported model has no adapters to go on with. Received: champion",
        )


def _monitor(config: PipelineConfig) -> Iterator[Contradiction]:
    if config.task in ("multi-label", "regression", "pretraining") and config.training.get("monitor") in (
        "val_accuracy",
        "accuracy",
    ):
        yield (
            ("training", "monitor"),
            f"must be a number that {config.task} has, such as val_loss. Received: {config.training['monitor']}",
        )


def schedule(config: PipelineConfig) -> Iterator[Contradiction]:
    """What a schedule waits for must be there to come."""
    if config.schedule and config.schedule.on_new_span and config.data.spans is None:
        yield (
            ("schedule", "on_new_span"),
            "is for data that comes in spans, such as `data: {spans: data/span-{SPAN}/*.csv}`.",
        )
    if config.schedule and config.schedule.on_drift and config.monitoring is None:
        yield ("schedule", "on_drift"), "needs a section `monitoring`, which says what is looked at."


def _momentum(config: PipelineConfig, recipe: TrainingConfig) -> Iterator[Contradiction]:
    name, momentum = config.training.get("optimizer", recipe.optimizer), config.training.get("momentum")
    if momentum and not recipe.model_copy(update={"optimizer": name}).takes_momentum:
        yield (
            ("training", "momentum"),
            f"is for the optimizers sgd and rmsprop; this training's is {name}. Leave it out, or give such an"
            f" `optimizer`. Received: momentum={momentum}",
        )


def _paths(config: PipelineConfig, base: Path) -> Iterator[Contradiction]:
    if config.schema_ and not (base / config.schema_).is_file():
        yield (
            ("schema",),
            f"must be a file, a curated schema.pbtxt; leave it out to have one inferred. Received: {config.schema_}",
        )
    if config.push and (base / config.push.directory).exists() and not (base / config.push.directory).is_dir():
        yield ("push", "directory"), f"must be a folder. Received: a file, {config.push.directory}"
    if config.push and config.push.signing_key is not None:
        try:
            load_key(base / config.push.signing_key)
        except ConfigError as error:  # now, not once everything is trained
            yield ("push", "signing_key"), f"cannot be used: {error}"


def _weights(config: PipelineConfig, base: Path) -> Iterator[Contradiction]:
    """Weights that are a path, as is told by a folder or a suffix in it, and not there."""
    weights = config.model.hyperparameters.get("weights")
    if isinstance(weights, str) and _PATH.search(weights) and not (base / weights).exists():
        yield (
            ("model", "weights"),
            f"must be there, relative to the pipeline file: {(base / weights).resolve()} is not. Received: {weights}",
        )


def _vocabulary(config: PipelineConfig, base: Path) -> Iterator[Contradiction]:
    name = config.model.hyperparameters.get("vocabulary")
    if config.model.family == "bert" and isinstance(name, str) and not (base / name).is_file():
        yield (
            ("model", "vocabulary"),
            f"must be a file, relative to the pipeline file: {(base / name).resolve()} is none. Received: {name}",
        )


def _schema(config: PipelineConfig, base: Path) -> Iterator[Contradiction]:
    """A schema that is kept, curated or frozen, against the label, the features and the class weights."""
    path = base / (config.schema_ or config.frozen_schema)
    if not path.is_file():
        return
    try:
        schema = load_schema(path)
        if config.data.label is not None:
            check_label(schema, config.data.label, config.task, str(path))
    except ConfigError as error:
        yield ("schema",), f"is wrong: {error}"
        return
    there = columns(schema)
    for name, column in config.data.features.items():
        if column not in there:
            yield (
                ("data", "features", name),
                f"must be a column that {path} knows: {', '.join(there)}. Add it there"
                f"{'' if config.schema_ else ', or delete that file to have it inferred anew'}. Received: {column}",
            )
    weights = config.training.get("class_weights")
    label = config.data.label
    known = classes(schema, label) if label is not None and config.task in CLASS_TASKS else ()
    for name in weights if isinstance(weights, dict) else ():
        if known and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            yield (
                ("training", "class_weights", name),
                f"must be one of the labels in {path}: {', '.join(known)}.{hint}",
            )
