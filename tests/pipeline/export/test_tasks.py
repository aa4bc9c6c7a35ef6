"""The steps in the order in which an orchestrator may take them."""

from pathlib import Path
from types import ModuleType

from pipeline.assembly import pipeline_from_file
from pipeline.export.tasks import tasks_of


def test_a_gate_holds_back_what_comes_after_it_though_no_wire_says_so(toys: ModuleType, project: Path) -> None:
    tasks = {task.name: task for task in tasks_of(toys.toy_pipeline(project))}
    assert {name: task.after for name, task in tasks.items()} == {
        "ToyGen": (),
        "ToySchema": ("ToyGen",),
        "ToyValidator": ("ToySchema",),
        "ToyTrainer": ("ToyValidator",),
        "ToyEvaluator": ("ToyTrainer",),
        "ToyPusher": ("ToyEvaluator",),
    }
    assert [name for name, task in tasks.items() if task.gate] == ["ToyValidator", "ToyEvaluator"]


def test_steps_that_do_not_need_each_other_wait_for_none(toys: ModuleType, project: Path) -> None:
    gen = toys.ToyGen(source="rows.txt")
    first = toys.ToySchema(name="First", frozen="a", examples=gen.examples)
    second = toys.ToySchema(name="Second", frozen="b", examples=gen.examples)
    last = toys.ToyValidator(examples=gen.examples, schema=second.schema)
    tasks = tasks_of(toys.Pipeline("p", [gen, first, second, last], base=project))
    assert [(task.name, task.after) for task in tasks] == [
        ("ToyGen", ()),
        ("First", ("ToyGen",)),
        ("Second", ("ToyGen",)),
        ("ToyValidator", ("Second",)),
    ]


def test_tries_and_limits_are_those_of_the_file(file: Path) -> None:
    tasks = {task.name: task.attempts for task in tasks_of(pipeline_from_file(file))}
    assert (tasks["Pusher"].retries, tasks["Pusher"].timeout_seconds) == (2, None)
    assert (tasks["Trainer"].retries, tasks["Trainer"].timeout_seconds) == (4, 7200)
