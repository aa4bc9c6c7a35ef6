"""Bodies of `:classify` and `:regress`: examples, each an object of features, and their classes or values."""

from collections.abc import Mapping
from typing import Any, Final

from serving.errors import Code, ServingError
from serving.interface import Array, Classes
from serving.protos import example_pb2
from serving.rest.answers import jsonable
from serving.rest.json_text import shown
from serving.rest.tensors import from_base64, is_base64

_EXAMPLES: Final = "examples"
_CONTEXT: Final = "context"
_INT64: Final = range(-(1 << 63), 1 << 63)


def examples_of(body: Mapping[str, Any]) -> list[bytes]:
    """Serialized tf.Example of every example, each with the features that all have in common.

    Raises:
        ServingError: INVALID_ARGUMENT, there are none, or a feature is not a value or a list of one type.
    """
    if _EXAMPLES not in body:
        raise _wrong("When method is classify or regress, key 'examples' is expected and was not found")
    examples = body[_EXAMPLES]
    if not isinstance(examples, list) or not examples:
        raise _wrong("'examples' must be a list of at least one example")
    context = _example(body[_CONTEXT]).SerializeToString() if _CONTEXT in body else b""
    return [context + _example(example).SerializeToString() for example in examples]


def classes_answer(classes: Classes) -> dict[str, Any]:
    """The body of `:classify`'s answer: pairs of label and score for each example."""
    scores: Any = [] if classes.scores is None else jsonable(classes.scores, "")
    labels = [[""] * len(row) for row in scores] if classes.labels is None else jsonable(classes.labels, "")
    if classes.scores is None:
        scores = [[0.0] * len(row) for row in labels]
    return {
        "results": [
            [list(pair) for pair in zip(names, values, strict=True)]
            for names, values in zip(labels, scores, strict=True)
        ]
    }


def values_answer(values: Array) -> dict[str, Any]:
    """The body of `:regress`'s answer."""
    return {"results": jsonable(values, "")}


def _example(features: Any) -> Any:
    if not isinstance(features, dict):
        raise _wrong(f"Example must be an object of features. Received: {shown(features)}")
    example = example_pb2.Example()
    for name, value in features.items():
        _fill(example.features.feature[name], value if isinstance(value, list) else [value], name)
    return example


def _fill(feature: Any, values: list[Any], name: str) -> None:
    kinds = {_kind(value, name) for value in values}
    if len(kinds) > 1:
        raise _wrong(f"Feature `{name}` must have values of one type. Received: {', '.join(sorted(kinds))}")
    if kinds == {"string"}:
        feature.bytes_list.value.extend(
            from_base64(value) if isinstance(value, dict) else value.encode("utf-8", "replace") for value in values
        )
    elif kinds == {"integer"}:
        feature.int64_list.value.extend(values)
    elif kinds == {"decimal"}:
        feature.float_list.value.extend(values)


def _kind(value: Any, name: str) -> str:
    if isinstance(value, str) or is_base64(value):
        return "string"
    if isinstance(value, bool):
        pass
    elif isinstance(value, int):
        return "integer" if value in _INT64 else "decimal"
    elif isinstance(value, float):
        return "decimal"
    raise _wrong(
        f"Feature `{name}` must be a number, a string, base64, or a list of one of these. Received: {shown(value)}"
    )


def _wrong(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)
