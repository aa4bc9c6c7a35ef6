"""What graphs ask for, of real SavedModels."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from components.infra.ops import judge_graph, ops_of, read_meta_graph, stock_ops
from schemas.errors import TrainworksError
from tests.components.infra.models import export, in_python, length


def _verdicts(folder: Path, custom: tuple[str, ...] = ()) -> Mapping[str, tuple[str, str]]:
    return {rule.rule: (rule.found, rule.verdict) for rule in judge_graph(read_meta_graph(folder), custom)}


def test_a_graph_of_stock_ops(tmp_path: Path) -> None:
    folder = export(tmp_path, length)
    ops = ops_of(read_meta_graph(folder))
    assert ops["StringLength"] == 2  # in functions of the library
    assert not [op for op in ops if op.startswith("__inference")]
    assert _verdicts(folder) == {
        "ops": (f"{len(ops)} ops, all known", "passed"),
        "signatures": ("serve_examples, serving_default", "passed"),
    }


def test_an_op_that_needs_python_is_named(tmp_path: Path) -> None:
    folder = export(tmp_path, in_python)
    (op,) = ops_of(read_meta_graph(folder)).keys() - stock_ops()
    assert _verdicts(folder)["ops"] == (f"others: {op} (1)", "failed")
    assert _verdicts(folder, (op,))["ops"][1] == "passed"


def test_the_list_has_the_text_ops_that_tf_serving_links() -> None:
    assert {"MatMul", "DecodeJpeg", "ParseExampleV2", "FastBertNormalize"} < stock_ops()
    assert {"FastWordpieceTokenizeWithOffsets", "SentencepieceTokenizeOp"} < stock_ops()
    assert not stock_ops() & {"PyFunc", "EagerPyFunc", "TFText>RoundRobinTrim", "XlaLaunch", "TPUExecute"}


def test_there_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(TrainworksError, match="A SavedModel must stand in"):
        read_meta_graph(tmp_path)
    (tmp_path / "saved_model.pb").write_bytes(b"\xff\xff")
    with pytest.raises(TrainworksError, match="A SavedModel must stand in"):
        read_meta_graph(tmp_path)
