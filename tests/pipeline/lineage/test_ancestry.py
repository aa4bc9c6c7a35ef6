"""Where an artifact comes from, and what became of it."""

from schemas.artifacts import Examples, Model, ModelEvaluation, Schema


def _told(relatives) -> list[tuple]:
    return [(r.depth, r.execution.node, r.role, r.artifact.type_name) for r in relatives]


def test_ancestors_and_descendants(scribe, lineage) -> None:
    examples = scribe.step("ExampleGen", {"examples": scribe.folder_of(Examples)})
    schema = scribe.step("SchemaGen", {"schema": scribe.folder_of(Schema)}, inputs=examples)
    model = scribe.step("Trainer", {"model": scribe.folder_of(Model)}, inputs={**examples, **schema})
    evaluation = scribe.step("Evaluator", {"evaluation": scribe.folder_of(ModelEvaluation)}, {**examples, **model})

    assert _told(lineage.ancestors(evaluation["evaluation"].id)) == [
        (1, "Evaluator", "examples", "Examples"),
        (1, "Evaluator", "model", "Model"),
        (2, "Trainer", "schema", "Schema"),
    ]
    assert _told(lineage.descendants(examples["examples"].id)) == [
        (1, "SchemaGen", "schema", "Schema"),
        (1, "Trainer", "model", "Model"),
        (1, "Evaluator", "evaluation", "ModelEvaluation"),
    ]
    assert lineage.ancestors(examples["examples"].id) == []
    assert lineage.descendants(evaluation["evaluation"].id) == []
    producer = lineage.producer(model["model"].id)
    assert producer is not None
    assert producer.outputs == model
    assert lineage.producer(99) is None


def test_what_failed_left_no_descendants(scribe, lineage) -> None:
    examples = scribe.step("ExampleGen", {"examples": scribe.folder_of(Examples)})
    lineage.fail(scribe.start("Trainer", inputs=examples), "broken")
    assert lineage.descendants(examples["examples"].id) == []
