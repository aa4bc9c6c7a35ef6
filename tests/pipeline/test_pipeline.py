"""Composing pipelines: order, checks, selection, and running one from Python."""

from pathlib import Path
from types import ModuleType

import pytest

from pipeline.pipeline import Pipeline
from pipeline.result import RunFailed
from schemas.errors import ConfigError


def names(components: object) -> list[str]:
    return [component.name for component in components]  # type: ignore[attr-defined]


def test_wires_decide_the_order_and_the_given_order_breaks_ties(toys: ModuleType) -> None:
    gen = toys.ToyGen(source="rows.txt")
    schema = toys.ToySchema(frozen="f", examples=gen.examples)
    validator = toys.ToyValidator(examples=gen.examples, schema=schema.schema)
    trainer = toys.ToyTrainer(examples=gen.examples)
    assert names(Pipeline("p", [trainer, validator, schema, gen]).components) == [
        "ToyGen",
        "ToyTrainer",
        "ToySchema",
        "ToyValidator",
    ]
    assert names(Pipeline("p", [gen, schema, validator, trainer]).components) == [
        "ToyGen",
        "ToySchema",
        "ToyValidator",
        "ToyTrainer",
    ]


def test_two_components_of_one_name_are_refused(toys: ModuleType) -> None:
    twice = [toys.ToyGen(source="a"), toys.ToyGen(source="b")]
    with pytest.raises(ConfigError, match="Received twice: ToyGen"):
        Pipeline("p", twice)
    assert len(Pipeline("p", [twice[0], toys.ToyGen(source="b", name="Other")]).components) == 2


@pytest.mark.parametrize("name", ["", "a/b", "..", "ü", "a" * 101])
def test_names_that_are_no_file_names_are_refused(toys: ModuleType, name: str) -> None:
    with pytest.raises(ConfigError, match="name="):
        Pipeline(name, [toys.ToyGen(source="a")])
    if name:
        with pytest.raises(ConfigError, match="name="):
            Pipeline("p", [toys.ToyGen(source="a", name=name)])


def test_a_producer_that_is_left_out_is_named(toys: ModuleType) -> None:
    gen = toys.ToyGen(source="a")
    with pytest.raises(ConfigError, match="ToyTrainer reads from ToyGen, which is not among"):
        Pipeline("p", [toys.ToyTrainer(examples=gen.examples)])


def test_a_circle_is_refused(toys: ModuleType) -> None:
    gen = toys.ToyGen(source="a")
    schema = toys.ToySchema(frozen="f", examples=gen.examples)
    gen.inputs["schema"] = schema.schema
    with pytest.raises(ConfigError, match=r"circle. Received: ToyGen, ToySchema"):
        Pipeline("p", [gen, schema])


def test_an_empty_pipeline_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one component"):
        Pipeline("p", [])


def test_selection_takes_a_stretch_of_the_order(toys: ModuleType, project: Path) -> None:
    pipeline = toys.toy_pipeline(project)
    selection = pipeline.select(start="ToyValidator", end="ToyTrainer")
    assert names(selection.reused) == ["ToyGen", "ToySchema"]
    assert names(selection.active) == ["ToyValidator", "ToyTrainer"]
    assert names(selection.skipped) == ["ToyEvaluator", "ToyPusher"]
    assert names(pipeline.select().active) == names(pipeline.components)
    with pytest.raises(ConfigError, match=r"`--to` must name a step: ToyGen, .* Received: Trainer"):
        pipeline.select(end="Trainer")
    with pytest.raises(ConfigError, match="must not come before"):
        pipeline.select(start="ToyTrainer", end="ToyGen")


def test_a_pipeline_composed_in_python_runs_in_a_few_lines(toys: ModuleType, project: Path) -> None:
    examples = toys.ToyGen(source="rows.txt")
    trainer = toys.ToyTrainer(examples=examples.examples, epochs=2)
    evaluator = toys.ToyEvaluator(accuracy=0.75, at_least=0.5, examples=examples.examples, model=trainer.model)
    pusher = toys.ToyPusher(directory="served", model=trainer.model, blessing=evaluator.blessing)
    result = Pipeline("mine", [examples, trainer, evaluator, pusher], base=project).run()
    assert (result.status, result.exit_code) == ("succeeded", 0)
    assert result.metrics == {"accuracy": 0.75}
    assert (result.blessed, result.pushed_version) == (True, 1)
    assert result.pushed_path == project / "served" / "1"
    assert result["ToyTrainer"].outputs["model"].uri.is_relative_to(project / ".trainworks" / "artifacts" / "mine")


def test_what_fails_is_raised_with_the_result(toys: ModuleType, project: Path) -> None:
    gen = toys.ToyGen(source="rows.txt")
    with pytest.raises(RunFailed, match="shapes") as caught:
        Pipeline("p", [gen, toys.Failing(kind="value", examples=gen.examples)], base=project).run()
    assert [step.status for step in caught.value.result.components] == ["executed", "failed"]


def test_a_refusal_is_a_result(toys: ModuleType, project: Path) -> None:
    result = toys.toy_pipeline(project, accuracy=0.1).run(project / "elsewhere")
    assert (result.status, result.exit_code, result.blessed) == ("refused", 3, False)
    assert result.refused_by is not None and result.refused_by.name == "ToyEvaluator"
    assert (project / "elsewhere" / "metadata.sqlite").is_file()
