from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from schemas.errors import ConfigError
from schemas.pipeline_file import load

MINIMAL = """\
name: mail
data:
  format: csv
  splits: {train: train.csv}
  features: {text: text}
  label: label
model: {family: linear}
"""


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    units: int = Field(default=8, ge=1)
    ngrams: int = 2


def settings(family: str, modality: str) -> type[BaseModel]:
    if family != "linear":
        raise ConfigError(f"`model.family` must be linear. Received: {family}")
    return Settings


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def told(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    """The lines of the error, without the folder."""
    with pytest.raises(ConfigError) as caught:
        load(write(tmp_path, text), overrides, hyperparameters=settings)
    return str(caught.value).replace(f"{tmp_path}/", "").split("\n")


def test_a_minimal_file_gets_every_default(tmp_path: Path) -> None:
    config = load(write(tmp_path, MINIMAL), hyperparameters=settings)
    assert (config.name, config.task, config.push, config.training) == ("mail", "classification", None, {})
    assert config.data.eval_split == "eval"
    assert config.evaluation_split == "eval"
    assert config.source is not None
    assert config.source.place(("data", "label")).line == 6


def test_empty_sections_count_as_not_given(tmp_path: Path) -> None:
    config = load(write(tmp_path, f"{MINIMAL}push:\ntraining:\nevaluation:\n"))
    assert (config.push, config.training, config.evaluation.require) == (None, {}, ())


def test_overrides_reach_every_field(tmp_path: Path) -> None:
    overrides = ["training.epochs=1", "push.directory=served", "model.units=4", "evaluation.slices=[label]"]
    config = load(write(tmp_path, MINIMAL), overrides, hyperparameters=settings)
    assert config.training == {"epochs": 1}
    assert config.push is not None and config.push.directory == "served"
    assert config.model.hyperparameters == {"units": 4}
    assert config.evaluation.slices == ("label",)


def test_a_held_out_test_split_is_judged_on(tmp_path: Path) -> None:
    config = load(write(tmp_path, MINIMAL), ["data.holdout={eval: 0.1, test: 0.2}"])
    assert (config.data.eval_split, config.evaluation_split) == ("eval", "test")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("epochs: 3", "`epochs` is not a field of a pipeline file. Did you mean `training.epochs`?"),
        ("trainng: {}", "`trainng` is not a field of a pipeline file. Did you mean `training`?"),
        (
            "zzz: 1",
            "`zzz` is not a field of a pipeline file. Expected: one of name, task, data, schema, validation,"
            " transform, model, training, evaluation, infra_validation, push, monitoring, beam, steps, schedule,"
            " notify.",
        ),
        ("training: {epoch: 3}", "`training.epoch` is not a field of `training`. Did you mean `epochs`?"),
        ("training: {epochs: three}", "`training.epochs` must be an integer. Received: epochs='three'"),
        ("training: {epochs: 0}", "`training.epochs` must be 1 or more. Received: epochs=0"),
        ("training: {learning_rate: 0}", "`training.learning_rate` must be above 0.0. Received: learning_rate=0"),
        ("training: {clip_norm: .inf}", "`training.clip_norm` must be a finite number. Received: clip_norm=inf"),
        (
            "training: {restore_best: 3}",
            "`training.restore_best` must be `true` or `false`. Received: restore_best=3",
        ),
        (
            "training: {precision: float16}",
            "`training.precision` must be one of `float32`, `mixed_float16`, `mixed_bfloat16` or `auto`. Did you mean"
            " `float32`? Received: precision='float16'",
        ),
        (
            "training: {class_weights: {ship: heavy}}",
            "`training.class_weights.ship` must be a number. Received: ship='heavy'",
        ),
        ("training: [1]", "`training` must be a section of `key: value` entries. Received: training=[1]"),
        ("push: served", "`push` must be a section of `key: value` entries. Received: push='served'"),
        (
            "push: {dir: served}",
            "`push.dir` is not a field of `push`. Did you mean `directory`?",
        ),
        (
            "push: {}",
            "`push.directory` is required: the folder that a model server watches; models go to `<directory>/<pipeline"
            " name>/<version>`. Received: `push` with nothing",
        ),
        (
            "validation: {leakage: {severity: bad}}",
            "`validation.leakage.severity` must be one of `error` or `warning` or `off`. Received: severity='bad'",
        ),
        (
            "validation: {leakages: {severity: error}}",
            "`validation.leakages` is not a field of `validation`. Did you mean `leakage`?",
        ),
        (
            "evaluation: {require: [{metric: accuracy, atleast: 1}]}",
            "`evaluation.require.0.atleast` is not a field of `evaluation.require.0`. Did you mean `at_least`?",
        ),
        (
            "evaluation: {require: [{metric: accuracy}]}",
            "`evaluation.require.0` is wrong: a rule needs one of `at_least`, `at_most`, or `champion: true` with"
            " `no_worse_by` or `better_by`.",
        ),
        ("evaluation: {slices: label}", "`evaluation.slices` must be a list. Received: slices='label'"),
        (
            "evaluation: {slices: [[a, 3]]}",
            '`evaluation.slices.0.1` must be text. Write it in quotes: "3". Received: 1=3',
        ),
        ("task: classify", "`task` must be one of `classification`, `multi-label`, `localization`, `regression` or"
                           " `pretraining`."
                           " Did you mean `classification`? Received: task='classify'"),
        ("name: other", "`name` stands twice; the first is at p.yaml:1. Remove one."),
        ("<<: {a: 1}", "`<<` is not a field of a pipeline file. Expected: one of name, task, data, schema, validation,"
                       " transform, model, training, evaluation, infra_validation, push, monitoring, beam, steps,"
                       " schedule, notify."),
    ],
)  # fmt: skip
def test_a_mistake_names_line_key_and_what_was_expected(tmp_path: Path, line: str, message: str) -> None:
    assert told(tmp_path, f"{MINIMAL}{line}\n") == [f"p.yaml:8: {message}"]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "name: mail",
            "name: my mail",
            "p.yaml:1: `name` must be text that matches ^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$. Received: name='my mail'",
        ),
        (
            "  label: label",
            "  labels: label",
            "p.yaml:6: `data.labels` is not a field of `data`. Did you mean `label`?",
        ),
        (
            "  features: {text: text}\n",
            "",
            "p.yaml:2: `data.features` is required: model input to column. Received: `data` with format, splits, label",
        ),
        (
            "{train: train.csv}",
            "{test: test.csv}",
            "p.yaml:2: `data` is wrong: `splits` must name a `train` split. Received: test.",
        ),
        ("{train: train.csv}", "{train: 3}", "p.yaml:4: `data.splits.train` must be text or a list. Received: train=3"),
        ("{text: text}", "{}", "p.yaml:5: `data.features` must be of 1 or more entries. Received: features={}"),
        (
            "format: csv",
            "format: cvs",
            "p.yaml:3: `data.format` must be one of `csv`, `jsonl`, `parquet`, `tfrecord`, `prediction-log`,"
            " `image-folder` or `tfds`. Did you mean `csv`? Received: format='cvs'",
        ),
        (
            "format: csv",
            "format: csv\n  holdout: {eval: 0.1, form: train}",
            "p.yaml:4: `data.holdout.form` must be a number. Did you mean the key `from`? Received: form='train'",
        ),
        (
            "format: csv",
            "format: csv\n  holdout: {eval: 1.5}",
            "p.yaml:4: `data.holdout` is wrong: shares of a holdout must lie between 0 and 1 and leave something to"
            " `train`.",
        ),
        (
            "{family: linear}",
            "{famly: linear}",
            "p.yaml:7: `model.family` is required: a shipped family (`linear`, `lstm`), or the import path of one's"
            " own: `my_package.my_module:MyFamily`. Is it what `famly` should be? Received: `model` with famly",
        ),
        ("{family: linear}", "{family: linear, unit: 3}", "p.yaml:7: `model.unit` is not a field of `model`."
                                                          " Did you mean `units`?"),
        ("{family: linear}", "{family: linear, units: 0}", "p.yaml:7: `model.units` must be 1 or more."
                                                           " Received: units=0"),
    ],
)  # fmt: skip
def test_mistakes_in_required_parts(tmp_path: Path, before: str, after: str, message: str) -> None:
    assert told(tmp_path, MINIMAL.replace(before, after)) == [message]


def test_every_mistake_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = MINIMAL.replace("linear", "linear, unit: 1").replace("csv", "cvs", 1)
    lines = told(tmp_path, f"{text}training:\n  epoch: 1\n  seed: x\nname: b\n", "push.dir=a", "training.batch_size=z")
    assert [line.split(" ", 1)[0] if line.startswith("p") else line.split(":")[0] for line in lines] == [
        "p.yaml:3:",
        "p.yaml:7:",
        "p.yaml:9:",
        "p.yaml:10:",
        "p.yaml:11:",
        "--set push.dir=a",
        "--set training.batch_size=z",
    ]


def test_an_override_with_a_typo_gets_the_same_help(tmp_path: Path) -> None:
    assert told(tmp_path, MINIMAL, "training.epoch=1") == [
        "--set training.epoch=1: `training.epoch` is not a field of `training`. Did you mean `epochs`?"
    ]
    assert told(tmp_path, MINIMAL, "trainig.epochs=1") == [
        "--set trainig.epochs=1: `trainig` is not a field of a pipeline file. Did you mean `training`?"
    ]


def test_an_unknown_family_is_told_with_its_line(tmp_path: Path) -> None:
    assert told(tmp_path, MINIMAL.replace("linear", "liner")) == [
        "p.yaml:7: `model.family` must be linear. Received: liner"
    ]


def test_long_values_are_cut(tmp_path: Path) -> None:
    (line,) = told(tmp_path, f"{MINIMAL}push: {'x' * 500}\n")
    assert len(line) < 200
    assert line.endswith("...")
