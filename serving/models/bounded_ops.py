"""Whether a signature's work is bounded by the size of what it is given: no loops, and nothing grows by values."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

_NAMES: Final = """
Abs Add AddN AddV2 All Any ArgMax ArgMin AvgPool BatchMatMul BatchMatMulV2 BatchMatMulV3 BiasAdd Cast Ceil ClipByValue
ConcatOffset ConcatV2 Const Conv2D DepthwiseConv2dNative DisableCopyOnRead Div DivNoNan Elu Equal Erf Exp ExpandDims
Floor FloorDiv FloorMod FusedBatchNormV3 Gather GatherNd GatherV2 Greater GreaterEqual HashTableV2 Identity IdentityN
IsFinite IsNan LeakyRelu Less LessEqual Log Log1p LogSoftmax LogicalAnd LogicalNot LogicalOr LookupTableFindV2 MatMul
Max MaxPool Maximum Mean Min Minimum MirrorPad Mul Neg NoOp NotEqual OneHot Pack Pad PadV2 ParseExampleV2
PartitionedCall Placeholder PlaceholderWithDefault Pow Prod Rank ReadVariableOp RealDiv Reciprocal Relu Relu6 Reshape
ResourceGather ReverseV2 Round Rsqrt Select SelectV2 Selu Shape Sigmoid Sign Size Slice Softmax Softplus Softsign
Split SplitV Sqrt Square SquaredDifference Squeeze StatefulPartitionedCall StaticRegexFullMatch StopGradient
StridedSlice StringJoin Sub Sum Tanh TopKV2 Transpose Unpack VarHandleOp VarIsInitializedOp ZerosLike
"""

_BOUNDED: Final = frozenset(_NAMES.split())


def is_bounded(graph: Any, tensors: Iterable[str]) -> bool:
    """Whether all that tensors of a GraphDef are computed from takes time in proportion to what goes in.

    What is not known to be so counts as unbounded: a loop, a text's tokens, a picture that is decoded.
    """
    functions = {function.signature.name: function.node_def for function in graph.library.function}
    waiting, seen = list(_needed(graph, tensors)), set[str]()
    while waiting:
        node = waiting.pop()
        if node.op not in functions and node.op not in _BOUNDED:
            return False
        for name in _functions_of(node):
            if name in functions and name not in seen:
                seen.add(name)
                waiting += functions[name]
    return True


def _needed(graph: Any, tensors: Iterable[str]) -> Iterator[Any]:
    """Nodes of the graph itself that tensors are computed from."""
    nodes = {node.name: node for node in graph.node}
    waiting, seen = [_node_of(tensor) for tensor in tensors], set[str]()
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in seen:
            seen.add(name)
            yield nodes[name]
            waiting += [_node_of(tensor) for tensor in nodes[name].input]


def _functions_of(node: Any) -> list[str]:
    """Functions that a node calls: its own op, or what its attributes name."""
    return [node.op, *(value.func.name for value in node.attr.values() if value.HasField("func"))]


def _node_of(tensor: str) -> str:
    """The node of `name:0`, or of the control input `^name`."""
    return tensor.lstrip("^").split(":")[0]
