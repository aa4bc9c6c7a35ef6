from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pipeline.consistency import add_contradictions, examples_columns
from schemas.config import PipelineConfig, TrainingConfig
from schemas.errors import ConfigError
from schemas.pipeline_file import mistakes_of

PICTURE = {"features": {"image": "file"}, "images": {}}
BOX = {**PICTURE, "box": ["a", "b", "c", "d"]}


def configuration(**sections: Any) -> PipelineConfig:
    data = {
        "format": "csv",
        "splits": {"train": "train.csv"},
        "features": {"text": "body"},
        "label": "topic",
        **sections.pop("data", {}),
    }
    return PipelineConfig.model_validate({"name": "mail", "data": data, "model": {"family": "linear"}, **sections})


def told(tmp_path: Path, **sections: Any) -> list[str]:
    config = configuration(**sections)
    mistakes = mistakes_of(None)
    add_contradictions(mistakes, config, tmp_path)
    with pytest.raises(ConfigError) as caught:
        mistakes.raise_any()
    return str(caught.value).split("\n")


def test_a_sound_file_has_no_contradictions(tmp_path: Path) -> None:
    config = configuration(
        data={"columns": ["body", "topic", "year"], "holdout": {"eval": 0.1, "by": "year"}},
        evaluation={
            "split": "eval",
            "slices": ["topic", ["year", "topic"]],
            "require": [{"metric": "accuracy", "at_least": 0.5, "slice": "year=2020,topic=ship"}],
        },
        training={"class_weights": {"ship": 2.0}},
        push={"directory": "served"},
    )
    mistakes = mistakes_of(None)
    add_contradictions(mistakes, config, tmp_path)
    mistakes.raise_any()


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"training": {"augmentation": ["flip"]}},
            "`training.augmentation` is for pictures; the features of `data` are texts. Leave it out.",
        ),
        (
            {"data": PICTURE, "training": {"head_epochs": 2}},
            "`training.head_epochs` is for a network that starts from `model.weights`; give it some, or leave it out.",
        ),
        (
            {"training": {"head_epochs": 0.3}},
            "`training.head_epochs` is for a network that starts from `model.weights`; give it some, or leave it out.",
        ),
        (
            {"model": {"family": "bert", "weights": "minilm", "lora": {}}, "training": {"warm_start": "champion"}},
            "`training.warm_start` must be none with `model.lora`: an exported model has no adapters to go on with."
            " Received: champion",
        ),
        (
            {"validation": {"new_labels": "ignore"}, "task": "regression"},
            "`validation.new_labels` is for labels that are words; with `task: regression` leave it out. Received:"
            " ignore",
        ),
        (
            {"evaluation": {"split": "tset"}},
            "`evaluation.split` must be one of the splits train, eval. Received: split='tset'",
        ),
        (
            {"data": {"holdout": {"eval": 0.1, "test": 0.1}, "splits": {"train": "a", "test": "b"}}},
            "`data.holdout.test` must not be the name of a split that `data.splits` gives. Rename one.",
        ),
        (
            {"data": {"splits": {"train": "a", "../x": "b"}}},
            "`data.splits.../x` must be a folder's name: letters, digits, `_`, `-` and `.`. Rename it.",
        ),
        (
            {"data": {"features": {"text": "topic"}}},
            "`data.features.text` must not be the column that `data.label` names, or the model is told the"
            " answer: topic",
        ),
        (
            {"data": {"features": {"label": "body"}}},
            "`data.features.label` must be the name of a model input: letters, digits and `_`, not `label`, which"
            " stands for the answer. Received: label",
        ),
        (
            {"data": {"keep": ["_source"]}},
            "`data.keep` must not name column `_source`: a row's file and line are kept under that name.",
        ),
        (
            {"data": {"columns": ["body", "topic"]}, "evaluation": {"slices": ["year"]}},
            "`evaluation.slices` must name one of `data.columns` (body, topic). Received: year",
        ),
        (
            {"evaluation": {"slices": [["year", "year"]]}},
            "`evaluation.slices.0` must name different columns. Received: [year, year]",
        ),
        (
            {"data": {"label": None}},
            "`data.label` is required: the column to predict; `task: pretraining` alone has none."
            " Received: task=classification",
        ),
        (
            {"task": "pretraining"},
            "`data.label` is for tasks that predict it; `task: pretraining` learns from texts alone. Leave it out; what"
            " slices need goes to `data.keep`. Received: label=topic",
        ),
        (
            {"task": "pretraining", "data": {**PICTURE, "label": None}},
            "`data.features` must be texts with `task: pretraining`. Received: pictures",
        ),
        (
            {"task": "pretraining", "data": {"label": None}, "training": {"class_weights": "balanced"}},
            "`training.class_weights` is for classification; with `task: pretraining` leave it out.",
        ),
        (
            {"task": "pretraining", "data": {"label": None}, "monitoring": {"logs": "logs"}},
            "`monitoring` looks at answers that tell a label; with `task: pretraining` leave it out.",
        ),
        (
            {"task": "pretraining", "data": {"label": None}, "training": {"warm_start": "champion"}},
            "`training.warm_start` is for tasks with a label; with `task: pretraining` name what was pushed as"
            " `model.weights`. Received: champion",
        ),
        (
            {"task": "pretraining", "data": {"label": None}, "training": {"monitor": "val_accuracy"}},
            "`training.monitor` must be a number that pretraining has, such as val_loss. Received: val_accuracy",
        ),
        (
            {
                "task": "pretraining",
                "data": {"label": None},
                "model": {"family": "bert", "weights": "minilm", "lora": {"rank": 4}},
            },
            "`model.lora` is for fine-tuning; with `task: pretraining` all of the encoder learns. Leave it out.",
        ),
        (
            {"task": "regression", "training": {"class_weights": "balanced"}},
            "`training.class_weights` is for classification; with `task: regression` leave it out.",
        ),
        (
            {"task": "regression", "training": {"monitor": "val_accuracy"}},
            "`training.monitor` must be a number that regression has, such as val_loss. Received: val_accuracy",
        ),
        (
            {"task": "multi-label", "training": {"class_weights": "balanced"}},
            "`training.class_weights` is for classification; with `task: multi-label` leave it out.",
        ),
        (
            {"data": {"label_separator": ";"}},
            "`data.label_separator` is for `task: multi-label`. Received: task=classification",
        ),
        (
            {"data": {"box": ["a", "b", "c", "d"]}},
            "`data.box` is for `task: localization`. Received: task=classification",
        ),
        (
            {"task": "localization", "data": PICTURE},
            "`data` needs `box` with `task: localization`: the columns [xmin, ymin, xmax, ymax].",
        ),
        (
            {"task": "localization", "data": {**PICTURE, "box": ["a", "b", "c", "topic"]}},
            "`data.box` must name four columns that are neither each other, nor the label, nor a feature.",
        ),
        (
            {"task": "localization", "data": {"box": ["a", "b", "c", "d"]}},
            "`data.features` must be one picture with `task: localization`, which is where the box lies.",
        ),
        (
            {"task": "localization", "data": BOX, "model": {"family": "resnet", "fit": "crop"}},
            "`model.fit` must be `stretch` with `task: localization`, or the box moves. Received: crop",
        ),
        (
            {"task": "localization", "data": BOX, "training": {"augmentation": ["color_jitter", {"flip": {}}]}},
            "`training.augmentation.1` must leave the box where it is, with `task: localization`: one of color_jitter,"
            " random_erasing. Received: flip",
        ),
        (
            {"training": {"optimizer": "lamb", "momentum": 0.9}},
            "`training.momentum` is for the optimizers sgd and rmsprop; this training's is lamb. Leave it out, or give"
            " such an `optimizer`. Received: momentum=0.9",
        ),
        (
            {"schema": "gone.pbtxt"},
            "`schema` must be a file, a curated schema.pbtxt; leave it out to have one inferred. Received: gone.pbtxt",
        ),
    ],
)
def test_a_contradiction_is_said(tmp_path: Path, sections: dict[str, Any], message: str) -> None:
    assert told(tmp_path, **sections) == [message]


def test_a_vocabulary_is_a_file_that_is_there(tmp_path: Path) -> None:
    model = {"family": "bert", "vocabulary": "no.txt"}
    place = f"{tmp_path.resolve()}/no.txt"
    assert told(tmp_path, model=model) == [
        f"`model.vocabulary` must be a file, relative to the pipeline file: {place} is none. Received: no.txt"
    ]


@pytest.mark.parametrize("weights", ["gone/model.keras", "gone.keras", "../gone.weights.h5"])
def test_weights_that_are_a_path_must_be_there(tmp_path: Path, weights: str) -> None:
    (message,) = told(tmp_path, data=PICTURE, model={"family": "resnet", "weights": weights})
    place = (tmp_path / weights).resolve()
    start = f"`model.weights` must be there, relative to the pipeline file: {place} is not."
    assert message == f"{start} Received: {weights}"


@pytest.mark.parametrize("weights", ["none", "imagenet", "resnet_18_imagenet", "hf://keras/resnet_18_imagenet"])
def test_weights_that_are_no_path_are_not_looked_for(tmp_path: Path, weights: str) -> None:
    mistakes = mistakes_of(None)
    add_contradictions(mistakes, configuration(data=PICTURE, model={"family": "resnet", "weights": weights}), tmp_path)
    mistakes.raise_any()


def test_rules_are_checked_against_the_metrics_there_are(tmp_path: Path) -> None:
    rules = [{"metric": "acuracy", "at_least": 0.5}, {"metric": "accuracy", "at_least": 0.5, "slice": "year=1"}]
    first, second = told(tmp_path, evaluation={"require": rules})
    assert first.startswith("`evaluation.require.0` is wrong: `metric` of a classification must be one of accuracy,")
    assert first.endswith("Received: acuracy. Did you mean `accuracy`?")
    assert second.startswith("`evaluation.require.1` is wrong: `slice` must be `column=value`")


def test_a_file_cannot_be_pushed_into(tmp_path: Path) -> None:
    (tmp_path / "served").touch()
    assert told(tmp_path, push={"directory": "served"}) == [
        "`push.directory` must be a folder. Received: a file, served"
    ]


SCHEMA = """\
feature { name: "body" type: BYTES }
feature { name: "topic" type: BYTES string_domain { value: "acq" value: "earn" } }
"""


@pytest.mark.parametrize("kept", ["own.pbtxt", "schemas/mail.pbtxt"])
def test_class_weights_are_held_against_a_schema_that_is_kept(tmp_path: Path, kept: str) -> None:
    (tmp_path / kept).parent.mkdir(exist_ok=True)
    (tmp_path / kept).write_text(SCHEMA, encoding="utf-8")
    curated = {"schema": kept} if kept.startswith("own") else {}
    assert told(tmp_path, **curated, training={"class_weights": {"earn": 1.0, "earm": 2.0}}) == [
        f"`training.class_weights.earm` must be one of the labels in {tmp_path / kept}: acq, earn. Did you mean `earn`?"
    ]


def test_a_signing_key_must_be_of_use_before_anything_runs(tmp_path: Path) -> None:
    push = {"directory": "served", "signing_key": "push.key"}
    (line,) = told(tmp_path, push=push)
    assert line.startswith("`push.signing_key` cannot be used: A signing key must be a file that can be read.")
    (tmp_path / "push.key").write_bytes(b"k" * 32)
    (tmp_path / "push.key").chmod(0o600)
    mistakes = mistakes_of(None)
    add_contradictions(mistakes, configuration(push=push), tmp_path)
    mistakes.raise_any()


def test_a_schema_that_lacks_the_label_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "own.pbtxt").write_text(SCHEMA.replace("topic", "label"), encoding="utf-8")
    (line,) = told(tmp_path, schema="own.pbtxt")
    assert line.startswith("`schema` is wrong: ")
    assert "topic" in line


@pytest.mark.parametrize("k", [0, -1])
def test_top_k_counts_from_one(k: int) -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        configuration(evaluation={"top_k": [1, k]})


def test_examples_hold_each_column_once() -> None:
    config = configuration(
        data={"keep": ["id", "year"], "holdout": {"eval": 0.1, "by": "id"}},
        evaluation={"slices": ["topic", ["year", "body"], "country"]},
    )
    assert examples_columns(config) == ("id", "year", "country")


def test_a_recipe_may_not_move_boxes_either(tmp_path: Path) -> None:
    mistakes = mistakes_of(None)
    recipe = TrainingConfig.model_validate({"augmentation": ["color_jitter", {"rotation": {"degrees": 5}}]})
    add_contradictions(mistakes, configuration(task="localization", data=BOX), tmp_path, recipe)
    with pytest.raises(
        ConfigError, match=r"`training.augmentation` must leave .* rotation, of the recipe of the family"
    ):
        mistakes.raise_any()


def test_a_boxs_columns_are_written_once() -> None:
    config = configuration(task="localization", data={**BOX, "keep": ["a", "year"]})
    assert examples_columns(config) == ("year",)


def test_a_curated_schema_cannot_be_told_to_grow(tmp_path: Path) -> None:
    (tmp_path / "curated.pbtxt").write_text(SCHEMA, encoding="utf-8")
    assert told(tmp_path, schema="curated.pbtxt", validation={"new_labels": "grow"}) == [
        "`validation.new_labels` must not be grow with a curated `schema`, which is never written: add new labels to"
        " curated.pbtxt, or take stop or ignore. Received: grow"
    ]


def test_a_feature_that_a_kept_schema_does_not_know_is_told_before_anything_runs(tmp_path: Path) -> None:
    kept = tmp_path / "schemas" / "mail.pbtxt"
    kept.parent.mkdir()
    kept.write_text(SCHEMA, encoding="utf-8")
    assert told(tmp_path, data={"features": {"text": "body", "more": "subject"}}) == [
        f"`data.features.more` must be a column that {kept} knows: body, topic. Add it there, or delete that file to"
        " have it inferred anew. Received: subject"
    ]
    (curated,) = told(tmp_path, data={"features": {"text": "subject"}}, schema="schemas/mail.pbtxt")
    assert curated.endswith("knows: body, topic. Add it there. Received: subject")
