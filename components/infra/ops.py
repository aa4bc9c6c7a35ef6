"""What a SavedModel's graph asks of a server: ops, counted without loading it."""

from collections import Counter
from collections.abc import Collection
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from schemas.errors import TrainworksError
from schemas.verdict import RuleVerdict
from serving.protos import saved_model_pb2

_SHOWN = 5


@cache
def stock_ops() -> frozenset[str]:
    """Names of the ops that stock TF Serving has; `tf_serving_ops.txt` says where they are from."""
    lines = files("components.infra").joinpath("tf_serving_ops.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def read_meta_graph(serving: Path) -> Any:
    """The MetaGraphDef that servers load.

    Raises:
        TrainworksError: there is no SavedModel, or it cannot be read.
    """
    try:
        saved = saved_model_pb2.SavedModel.FromString((serving / "saved_model.pb").read_bytes())
    except (OSError, DecodeError) as error:
        raise TrainworksError(f"A SavedModel must stand in {serving}: {error}") from error
    for graph in saved.meta_graphs:
        if "serve" in graph.meta_info_def.tags:
            return graph
    raise TrainworksError(f"A SavedModel in {serving} must have a graph with the tag `serve`.")


def ops_of(graph: Any) -> Counter[str]:
    """Ops of a MetaGraphDef, its function library included, with their numbers; calls of its functions do not count."""
    library = graph.graph_def.library.function
    functions = {function.signature.name for function in library}
    nodes = [*graph.graph_def.node, *(node for function in library for node in function.node_def)]
    return Counter(node.op for node in nodes if node.op not in functions)


def judge_graph(graph: Any, custom_ops: Collection[str]) -> list[RuleVerdict]:
    """The rules that need no server: its ops are known, and it has the signature that clients ask by default."""
    found = ops_of(graph)
    unknown = sorted(found.keys() - stock_ops() - set(custom_ops))
    told = ", ".join(f"{op} ({found[op]})" for op in unknown[:_SHOWN]) + (", ..." if len(unknown) > _SHOWN else "")
    signatures = sorted(name for name in graph.signature_def if not name.startswith("__"))
    return [
        RuleVerdict(
            rule="ops",
            expected="ops of stock TF Serving" + (" and `custom_ops`" if custom_ops else ""),
            found=f"others: {told}" if unknown else f"{len(found)} ops, all known",
            verdict="failed" if unknown else "passed",
        ),
        RuleVerdict(
            rule="signatures",
            expected="serving_default",
            found=", ".join(signatures) or "none",
            verdict="passed" if "serving_default" in signatures else "failed",
        ),
    ]
