"""Bodies of `:classify` and `:regress`: examples, each an object of features, and their classes or values."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

from serving.errors import Code, ServingError
from serving.interface import Array, Classes
from serving.protos import example_pb2
from serving.rest.answers import jsonable
from serving.rest.shown import shown, type_of
from serving.rest.strings import decode_base64, encode, is_base64

_EXAMPLES, _CONTEXT = "examples", "context"
_MIN_INT64, _MAX_INT64, _MAX_UINT64 = -(2**63), 2**63 - 1, 2**64 - 1
_KIND: Final = "kind"
_LISTS: Final = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}


def examples_of(body: Mapping[str, Any]) -> list[bytes]:
    """Serialized tf.Example of every example, each with the features that all have in common.

    Raises:
        ServingError: INVALID_ARGUMENT, there are none, or a feature is not a value or a list of one type; in TF
            Serving's words.
    """
    context = _example(body[_CONTEXT]) if _CONTEXT in body else b""
    if _EXAMPLES not in body:
        _refuse(body, "When method is classify, key 'examples' is expected and was not found")
    examples = body[_EXAMPLES]
    if type(examples) is not list:
        _refuse(body, "Expecting 'examples' value to be an list/array")
    if not examples:
        _refuse(body, "'examples' value is an empty array")
    return [context + _example(example) for example in examples]


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


def _example(features: Any) -> bytes:
    if type(features) is not dict:
        raise _wrong(f"Example must be JSON object but got JSON {type_of(features)}")
    example = example_pb2.Example()
    for name, content in features.items():
        feature = example.features.feature[encode(name).decode("utf-8", "replace")]
        for value in content if type(content) is list else (content,):
            _add(feature, name, value)
    return bytes(example.SerializeToString())


def _add(feature: Any, name: str, value: Any) -> None:
    field, converted = _converted(name, value)
    known = feature.WhichOneof(_KIND)
    if known not in (None, field):
        raise _wrong(f"Unexpected element type in feature: {name} expecting type: {_LISTS[known]}")
    getattr(feature, field).value.append(converted)


def _converted(name: str, value: Any) -> tuple[str, Any]:
    convert = _CONVERTED.get(type(value))
    if convert is None or (type(value) is dict and not is_base64(value)):
        raise _wrong(f"Feature: {name} has element with unexpected JSON type: {type_of(value)}")
    if type(value) is not int:
        return convert(value)
    if not _MIN_INT64 <= value <= _MAX_UINT64:  # what RapidJSON reads as a double
        return _CONVERTED[float](float(value))
    if value > _MAX_INT64:
        raise _wrong(f"Feature: {name} has uint64_t element. Only int64_t is supported.")
    return convert(value)


_CONVERTED: Final[Mapping[type, Callable[[Any], tuple[str, Any]]]] = {
    bool: lambda value: ("int64_list", int(value)),
    int: lambda value: ("int64_list", value),
    float: lambda value: ("float_list", value),
    str: lambda value: ("bytes_list", encode(value)),
    dict: lambda value: ("bytes_list", decode_base64(value)),
}


def _refuse(document: Mapping[str, Any], what: str) -> NoReturn:
    raise _wrong(f"JSON Value: {shown(document)} {what}")


def _wrong(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)
