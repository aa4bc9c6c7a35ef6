"""Bodies of `:predict`: instances in rows, or inputs in columns, and answers in the same way."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from serving.errors import Code, ServingError
from serving.interface import Array
from serving.rest import complaints
from serving.rest.answers import jsonable
from serving.rest.kinds import Kind, kind_of
from serving.rest.shown import shown
from serving.rest.strings import is_base64
from serving.rest.tensors import to_array

Format = Literal["row", "column"]

_INSTANCES: Final = "instances"
_INPUTS: Final = "inputs"


def inputs_of(body: Mapping[str, Any], types: Mapping[str, int]) -> tuple[dict[str, Array], Format]:
    """The inputs of a request.

    Args:
        body: the parsed JSON.
        types: alias to the type of each of the signature's inputs.

    Raises:
        ServingError: INVALID_ARGUMENT, it does not fit, in TF Serving's words; UNIMPLEMENTED, an input has a type that
            JSON has no values for.
    """
    if _INSTANCES in body and _INPUTS in body:
        raise _wrong(
            f"JSON Value: {shown(body)} Not formatted correctly expecting only one of 'inputs' or 'instances' keys to"
            " exist "
        )
    if not types:
        raise _wrong("Failed to get input map for signature")
    kinds = {alias: kind_of(type_) for alias, type_ in types.items()}
    if _INSTANCES in body:
        if type(body[_INSTANCES]) is not list:
            raise _wrong(f"JSON Value: {shown(body)} Expecting 'instances' to be an list/array")
        if not body[_INSTANCES]:
            raise _wrong(f"JSON Value: {shown(body)} No values in 'instances' array")
        return _of_rows(body[_INSTANCES], kinds), "row"
    if _INPUTS in body:
        return _of_columns(body[_INPUTS], kinds), "column"
    raise _wrong("Missing 'inputs' or 'instances' key")


def answer_of(outputs: Mapping[str, Array], form: Format) -> dict[str, Any]:
    """The body of an answer, for `answers.dump`.

    Raises:
        ServingError: INVALID_ARGUMENT, outputs that have not one row for each instance cannot be told in rows.
    """
    if form == "column":
        values = {alias: jsonable(array, alias) for alias, array in outputs.items()}
        return {"outputs": next(iter(values.values())) if len(values) == 1 else values}
    _check_rows(outputs)
    columns = {alias: jsonable(array, alias) for alias, array in outputs.items()}
    if len(columns) == 1:
        return {"predictions": next(iter(columns.values()))}
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]}


def _of_rows(instances: Sequence[Any], kinds: Mapping[str, Kind]) -> dict[str, Array]:
    """Each instance is a row of the only input, or an object of a row of every input."""
    if not _is_plain(instances[0]):
        columns = _columns(instances, kinds)
    elif len(kinds) > 1:
        raise _wrong(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per"
            " tensorinfo_map"
        )
    else:
        columns = dict.fromkeys(kinds, instances)
    arrays = dict[str, Array]()
    for alias, values in columns.items():
        array = to_array(values, kinds[alias])
        if array is None:
            raise complaints.about_rows(instances, kinds)
        arrays[alias] = array
    if not arrays:
        raise complaints.about_rows(instances, kinds)
    return arrays


def _columns(instances: Sequence[Any], kinds: Mapping[str, Kind]) -> dict[str, Sequence[Any]]:
    """Values by input; none if any instance is no object of just these."""
    if any(_is_plain(instance) or instance.keys() != kinds.keys() for instance in instances):
        return {}
    return {alias: [instance[alias] for instance in instances] for alias in kinds}


def _of_columns(inputs: Any, kinds: Mapping[str, Kind]) -> dict[str, Array]:
    """The only input, or an object of all; what else is in it does not matter."""
    if not _is_plain(inputs):
        named = inputs
    elif len(kinds) > 1:
        raise _wrong(
            "inputs is a plain value/list, but expecting an object as multiple input tensors required as per"
            " tensorinfo_map"
        )
    else:
        named = dict.fromkeys(kinds, inputs)
    arrays = dict[str, Array]()
    for alias, kind in kinds.items():
        if alias not in named:
            raise _wrong(f"Missing named input: {alias} in 'inputs' object.")
        array = to_array(named[alias], kind)
        if array is None:
            raise complaints.about_tensor(named[alias], kind)
        arrays[alias] = array
    return arrays


def _is_plain(value: Any) -> bool:
    return type(value) is not dict or is_base64(value)


def _check_rows(outputs: Mapping[str, Array]) -> None:
    rows: int | None = None
    for alias, array in outputs.items():
        if not array.ndim:
            raise _wrong(f"Tensor name: {alias} has no shape information: ask with 'inputs' instead of 'instances'")
        if rows not in (None, len(array)):
            raise _wrong(
                f"Tensor name: {alias} has inconsistent batch size: {len(array)} expecting: {rows}: ask with 'inputs'"
                " instead of 'instances'"
            )
        rows = len(array)


def _wrong(message: str) -> ServingError:
    return ServingError(Code.INVALID_ARGUMENT, message)
