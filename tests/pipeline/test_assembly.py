import subprocess
import sys
from pathlib import Path

import pytest

from components.component import Channel, Component, LatestBlessed, PreviousBlessed
from pipeline.assembly import assemble, pipeline_from_file
from pipeline.pipeline import Pipeline
from schemas.config import PipelineConfig, TrainingConfig
from schemas.errors import ConfigError
from tests.models.text.hugging_face import write

OWN_FAMILY = """\
from models.family import Family, Hyperparameters

class Settings(Hyperparameters):
    units: int = 8

class Own(Family):
    Config = Settings

    @classmethod
    def recipe(cls, task): return {"epochs": 7, "optimizer": "lamb" if task == "classification" else "sgd"}

    def analyzers(self): return []
    def preprocess(self, facts): raise NotImplementedError
    def network(self, facts, outputs): raise NotImplementedError
"""

PIPELINE = """\
name: mail
data:
  format: csv
  splits: {train: train.csv, test: test.csv}
  holdout: {eval: 0.1, by: customer}
  features: {text: body}
  label: topic
model: {family: "assembly_own_family:Own", units: 4}
training: {epochs: 2}
evaluation: {slices: [topic, [country, year]]}
push: {directory: served}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "assembly_own_family.py").write_text(OWN_FAMILY, encoding="utf-8")
    path = tmp_path / "p.yaml"
    path.write_text(PIPELINE, encoding="utf-8")
    monkeypatch.delitem(sys.modules, "assembly_own_family", raising=False)
    return path


def step(pipeline: Pipeline, name: str) -> Component:
    return next(component for component in pipeline.components if component.name == name)


def wires(component: Component) -> dict[str, str]:
    """Input to `Producer.output`; what lineage promises is `?Producer.output`."""
    shown = {}
    for name, promise in component.inputs.items():
        mark, channel = "" if isinstance(promise, Channel) else "?", component.channel(promise)
        shown[name] = f"{mark}{channel.producer.name}.{channel.output}"
    return shown


def test_the_wires_are_those_of_the_design(file: Path) -> None:
    pipeline = pipeline_from_file(file)
    assert {component.name: wires(component) for component in pipeline.components} == {
        "ExampleGen": {},
        "StatisticsGen": {"examples": "ExampleGen.examples"},
        "SchemaGen": {"statistics": "StatisticsGen.statistics", "examples": "ExampleGen.examples"},
        "ExampleValidator": {
            "examples": "ExampleGen.examples",
            "statistics": "StatisticsGen.statistics",
            "schema": "SchemaGen.schema",
            "previous": "?StatisticsGen.statistics",
        },
        "Transform": {"examples": "ExampleGen.examples", "schema": "SchemaGen.schema"},
        "Trainer": {
            "examples": "Transform.transformed_examples",
            "transform_graph": "Transform.transform_graph",
            "schema": "SchemaGen.schema",
        },
        "Evaluator": {
            "examples": "ExampleGen.examples",
            "model": "Trainer.model",
            "champion": "?Trainer.model",
        },
        "InfraValidator": {"model": "Trainer.model", "examples": "ExampleGen.examples"},
        "Pusher": {
            "model": "Trainer.model",
            "blessing": "Evaluator.blessing",
            "infra_blessing": "InfraValidator.infra_blessing",
            "examples": "ExampleGen.examples",
        },
    }
    assert (pipeline.name, pipeline.base) == ("mail", file.parent.resolve())


def test_steps_stand_in_the_order_in_which_they_run(file: Path) -> None:
    names = [component.name for component in pipeline_from_file(file).components]
    assert names == [
        "ExampleGen",
        "StatisticsGen",
        "SchemaGen",
        "ExampleValidator",
        "Transform",
        "Trainer",
        "Evaluator",
        "InfraValidator",
        "Pusher",
    ]


def test_training_is_the_family_s_recipe_under_what_the_file_says(file: Path) -> None:
    training = step(pipeline_from_file(file), "Trainer").parameters["training"]
    assert isinstance(training, TrainingConfig)
    assert (training.epochs, training.optimizer, training.batch_size) == (2, "lamb", 64)
    regression = step(pipeline_from_file(file, ["task=regression"]), "Trainer").parameters["training"]
    assert isinstance(regression, TrainingConfig)
    assert regression.optimizer == "sgd"


def trained(file: Path, *overrides: str) -> TrainingConfig:
    """The training settings of the file with a shipped family."""
    file.write_text(PIPELINE.replace("training: {epochs: 2}\n", ""), encoding="utf-8")
    training = step(pipeline_from_file(file, overrides), "Trainer").parameters["training"]
    assert isinstance(training, TrainingConfig)
    return training


@pytest.mark.parametrize("family", ["linear", "lstm"])
def test_epochs_that_are_asked_for_are_those_that_are_trained(file: Path, family: str) -> None:
    recipe = trained(file, f"model={{family: {family}}}")
    assert (recipe.epochs, recipe.min_steps) == (8, 600)
    asked = trained(file, f"model={{family: {family}}}", "training.epochs=1")
    assert (asked.epochs, asked.min_steps, asked.learning_rate) == (1, 0, recipe.learning_rate)
    both = trained(file, f"model={{family: {family}}}", "training={epochs: 1, min_steps: 9}")
    assert (both.epochs, both.min_steps) == (1, 9)


def test_another_optimizer_does_not_inherit_the_rate_of_the_recipe_s(file: Path) -> None:
    adam = trained(file, "model={family: linear}", "training={optimizer: adam, warmup_steps: 5}")
    assert (adam.optimizer, adam.learning_rate, adam.learning_rate_schedule) == ("adam", 0.001, "constant")
    assert (adam.momentum, adam.warmup_steps, adam.epochs, adam.min_steps) == (0.0, 5, 8, 600)
    same = trained(file, "model={family: linear}", "training.optimizer=sgd")
    assert (same.learning_rate, same.learning_rate_schedule, same.momentum) == (4.0, "linear", 0.9)


def test_momentum_is_held_against_the_optimizer_of_the_recipe(file: Path) -> None:
    assert trained(file, "model={family: linear}", "training.momentum=0.5").momentum == 0.5
    with pytest.raises(ConfigError) as caught:
        trained(file, "model={family: lstm}", "training.momentum=0.5")
    assert str(caught.value) == (
        "--set training.momentum=0.5: `training.momentum` is for the optimizers sgd and rmsprop; this training's is"
        " adam. Leave it out, or give such an `optimizer`. Received: momentum=0.5"
    )


def test_a_recipe_that_fails_is_the_family_s_mistake(file: Path) -> None:
    wrong = OWN_FAMILY.replace('return {"epochs": 7', 'return {"epochs": 7 / 0')
    (file.parent / "assembly_own_family.py").write_text(wrong, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"the recipe of assembly_own_family:Own fails: ZeroDivisionError: division"):
        pipeline_from_file(file)


def test_a_wrong_recipe_is_the_family_s_mistake(file: Path) -> None:
    wrong = OWN_FAMILY.replace('"epochs"', '"epoch"')
    (file.parent / "assembly_own_family.py").write_text(wrong, encoding="utf-8")
    with pytest.raises(
        ConfigError, match=r"^`model\.family`: the recipe of assembly_own_family:Own is wrong: .*\nepoch"
    ):
        pipeline_from_file(file)


def test_examples_keep_columns_of_slices_and_partition(file: Path) -> None:
    data = step(pipeline_from_file(file), "ExampleGen").parameters["data"]
    assert data.keep == ("customer", "country", "year")  # type: ignore[attr-defined]


def test_an_inferred_schema_is_frozen_beside_the_file(file: Path) -> None:
    parameters = step(pipeline_from_file(file), "SchemaGen").parameters
    assert (parameters["curated"], parameters["frozen"]) == (None, "schemas/mail.pbtxt")


def test_a_curated_schema_is_taken_instead(file: Path) -> None:
    label = 'feature { name: "topic" type: BYTES string_domain { value: "acq" value: "earn" } }'
    schema = f'{label} feature {{ name: "body" type: BYTES }}'
    (file.parent / "own.pbtxt").write_text(schema, encoding="utf-8")
    parameters = step(pipeline_from_file(file, ["schema=own.pbtxt"]), "SchemaGen").parameters
    assert (parameters["curated"], parameters["frozen"]) == ("own.pbtxt", None)


def test_without_push_nothing_is_pushed(file: Path) -> None:
    assert [c.name for c in pipeline_from_file(file, ["push="]).components][-1] == "Evaluator"


def test_a_champion_is_the_newest_blessed_model(file: Path) -> None:
    champion = step(pipeline_from_file(file), "Evaluator").inputs["champion"]
    assert isinstance(champion, LatestBlessed)


def test_training_starts_from_the_champion_where_it_is_asked_to(file: Path) -> None:
    assert "champion" not in step(pipeline_from_file(file), "Trainer").inputs
    trainer = step(pipeline_from_file(file, ["training.warm_start=champion"]), "Trainer")
    assert trainer.inputs["champion"] == PreviousBlessed("model")
    assert wires(trainer)["champion"] == "?Trainer.model"
    assert trainer not in trainer.upstream()


def test_mistakes_of_the_family_s_settings_stand_among_all_others(file: Path) -> None:
    text = PIPELINE.replace("units", "unit").replace("epochs", "epoch")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        pipeline_from_file(file)
    assert str(caught.value).split("\n") == [
        f"{file}:8: `model.unit` is not a field of `model`. Did you mean `units`?",
        f"{file}:9: `training.epoch` is not a field of `training`. Did you mean `epochs`?",
    ]


def test_an_unknown_family_is_told_with_its_line(file: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        pipeline_from_file(file, ["model={family: lstn}"])
    assert str(caught.value) == (
        "--set model={family: lstn}: `model.family` must be one of bert, linear, lstm, transformer, or an import path"
        " `package.module:Class`. Received: lstn. Did you mean `lstm`?"
    )


def test_a_configuration_made_in_python_is_told_by_keys_alone(tmp_path: Path) -> None:
    values = {
        "name": "mail",
        "data": {"format": "csv", "splits": {"train": "t.csv"}, "features": {"text": "b"}, "label": "l"},
        "model": {"family": "lstn"},
    }
    with pytest.raises(ConfigError, match=r"^`model\.family` must be one of bert, linear, lstm, transformer"):
        assemble(PipelineConfig.model_validate(values), tmp_path)


def test_steps_reach_the_pipeline(file: Path) -> None:
    pipeline = pipeline_from_file(file, ["steps={default: {retries: 2}, Trainer: {timeout_seconds: 60}}"])
    trainer = next(component for component in pipeline.components if component.name == "Trainer")
    assert (pipeline.attempts(trainer).retries, pipeline.attempts(trainer).timeout_seconds) == (2, 60)


def test_steps_of_a_name_that_no_step_has_are_told_with_the_line(file: Path) -> None:
    line = PIPELINE.count("\n") + 2
    file.write_text(PIPELINE + "steps:\n  Trianer: {retries: 2}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        pipeline_from_file(file)
    assert str(caught.value).startswith(f"{file}:{line}: `steps.Trianer` is for no step of this pipeline. Expected:")
    assert str(caught.value).endswith("Did you mean `Trainer`?")


def test_assembly_imports_neither_tensorflow_nor_beam(file: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pipeline.assembly import pipeline_from_file;"
        f"pipeline_from_file(Path({str(file)!r}));"
        "heavy = {'tensorflow', 'keras', 'apache_beam', 'pandas', 'numpy', 'pyarrow'} & set(sys.modules);"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_encoder_that_cannot_be_used_is_told_before_anything_runs(tmp_path: Path) -> None:
    """By the headers of its files, which need neither TensorFlow nor Keras."""
    write(tmp_path / "bert", num_hidden_layers=3)
    file = tmp_path / "p.yaml"
    file.write_text(PIPELINE.replace('{family: "assembly_own_family:Own", units: 4}', "{family: bert, weights: bert}"))
    said = (
        r"^.*p\.yaml:8: `model\.weights` cannot be used: the tensors of bert must be those of the encoder that its"
        r" config\.json describes\. Received: missing: encoder\.layer\.2\.attention\.self\.query\.weight, .* more$"
    )
    with pytest.raises(ConfigError, match=said):
        pipeline_from_file(file)
    code = f"""
import sys
from pathlib import Path
from pipeline.assembly import pipeline_from_file
pipeline_from_file(Path({str(file)!r}))
print(sorted({{"tensorflow", "keras"}} & sys.modules.keys()))
"""
    write(tmp_path / "bert")
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert finished.stdout == "[]\n"
