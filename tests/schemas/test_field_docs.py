from schemas.config import DataConfig, EvaluationConfig, HoldoutConfig, PipelineConfig, RequireRule, TrainingConfig
from schemas.field_docs import all_keys, field_docs, fields_of, model_at


def test_docstrings_below_fields_are_their_docs() -> None:
    assert field_docs(DataConfig)["label"] == "The column to predict; with `task: pretraining` none."
    assert field_docs(TrainingConfig)["batch_size"] == "Examples a step, over all replicas."
    assert "epochs" not in field_docs(TrainingConfig)


def test_fields_are_named_as_in_a_file() -> None:
    assert "schema" in fields_of(PipelineConfig)
    assert list(fields_of(HoldoutConfig)) == ["from", "by"]


def test_the_model_at_a_key() -> None:
    assert model_at(PipelineConfig, ()) is PipelineConfig
    assert model_at(PipelineConfig, ("data", "holdout")) is HoldoutConfig
    assert model_at(PipelineConfig, ("evaluation", "require", 3)) is RequireRule
    assert model_at(PipelineConfig, ("evaluation", "slices", 0)) is None
    assert model_at(PipelineConfig, ("nowhere", "at", "all")) is None


def test_all_keys_reach_every_section() -> None:
    keys = set(all_keys({(): PipelineConfig, ("training",): TrainingConfig}))
    assert {("name",), ("training", "epochs"), ("data", "holdout", "by"), ("beam", "runner")} <= keys
    assert model_at(PipelineConfig, ("evaluation",)) is EvaluationConfig
