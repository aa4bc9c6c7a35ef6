"""Bodies of `:predict`: instances in rows, or inputs in columns, and answers in the same way."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from serving.errors import Code, ServingError
from serving.interface import Array
from serving.rest.answers import jsonable
from serving.rest.tensors import is_base64, to_array

Format = Literal["row", "column"]

_INSTANCES: Final = "instances"
_INPUTS: Final = "inputs"


def inputs_of(body: Mapping[str, Any], types: Mapping[str, int]) -> tuple[dict[str, Array], Format]:
    """The inputs of a request.

    Args:
        body: the parsed JSON.
        types: alias to the type of each of the signature's inputs.

    Raises:
        ServingError: INVALID_ARGUMENT, it does not fit.
    """
    if _INSTANCES in body:
        if _INPUTS in body:
            raise _wrong("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
        return _of_rows(body[_INSTANCES], types), "row"
    if _INPUTS in body:
        return _of_columns(body[_INPUTS], types), "column"
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


def _of_rows(instances: Any, types: Mapping[str, int]) -> dict[str, Array]:
    if not isinstance(instances, list):
        raise _wrong("Expecting 'instances' value to be a list/array")
    if not instances:
        raise _wrong("'instances' is empty: expecting at least one")
    if _is_plain(instances[0]):
        return _of_one_value(instances, types, _INSTANCES)
    for position, instance in enumerate(instances):
        if _is_plain(instance):
            raise _wrong(f"Expecting object but got a list or value at instance {position} of 'instances'")
        if instance.keys() != types.keys():
            raise _wrong(f"Failed to process element: {position} of 'instances' list. {_difference(instance, types)}")
    return {
        alias: to_array([instance[alias] for instance in instances], type_, alias) for alias, type_ in types.items()
    }


def _of_columns(inputs: Any, types: Mapping[str, int]) -> dict[str, Array]:
    if _is_plain(inputs):
        return _of_one_value(inputs, types, _INPUTS)
    if inputs.keys() != types.keys():
        raise _wrong(f"Failed to process 'inputs' object. {_difference(inputs, types)}")
    return {alias: to_array(inputs[alias], type_, alias) for alias, type_ in types.items()}


def _of_one_value(value: Any, types: Mapping[str, int], key: str) -> dict[str, Array]:
    if len(types) != 1:
        names = ", ".join(sorted(types)) or "none"
        raise _wrong(f"'{key}' is a plain value/list, but expecting an object with the model's inputs: {names}")
    ((alias, type_),) = types.items()
    return {alias: to_array(value, type_, alias)}


def _is_plain(value: Any) -> bool:
    return not isinstance(value, dict) or is_base64(value)


def _difference(given: Mapping[str, Any], types: Mapping[str, int]) -> str:
    missing, extra = sorted(types.keys() - given.keys()), sorted(given.keys() - types.keys())
    return f"Missing inputs: {missing or 'none'}. Unknown inputs: {[name[:64] for name in extra[:5]] or 'none'}."


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
