"""Everything that is wrong with a pipeline file, gathered, said in people's words and raised at once.

Each line names the file and line (or the override), the key, what was expected and what was received; for a key that
does not exist, also the one that was probably meant.
"""

import difflib
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.errors import ConfigError
from schemas.field_docs import all_keys, field_docs, fields_of, model_at
from schemas.yaml_document import Document, Key, Place

ModelT = TypeVar("ModelT", bound=BaseModel)

_NOWHERE: Final = Place(0, 0, "")

_EXPECTED: Final[Mapping[str, str]] = {
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "`true` or `false`",
    "bool_parsing": "`true` or `false`",
    "string_type": "text",
    "dict_type": "a section of `key: value` entries",
    "model_type": "a section of `key: value` entries",
    "model_attributes_type": "a section of `key: value` entries",
    "tuple_type": "a list",
    "list_type": "a list",
    "greater_than": "above {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "below {lt}",
    "less_than_equal": "{le} or less",
    "too_short": "of {min_length} or more entries",
    "string_too_short": "of {min_length} or more characters",
    "string_too_long": "of at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
}


class Mistakes:
    """A list of what is wrong.

    Args:
        document: the file, for places; None for a configuration made in Python, whose mistakes name keys alone.
        roots: the models of the file by the key where they stand, `()` for the whole; a deeper one takes precedence.
    """

    def __init__(self, document: Document | None, roots: Mapping[Key, type[BaseModel]]) -> None:
        self._document = document
        self._roots = dict(roots)
        self._found: dict[tuple[Place, str], None] = {}
        for defect in document.defects if document else ():
            self._found[defect] = None

    def add(self, key: Key, message: str, *, received: object = ...) -> None:
        """Adds one mistake: `message` follows the dotted key, as in "must be ..."."""
        place = self._document.place(key) if self._document else _NOWHERE
        shown = "" if received is ... else f" Received: {key[-1]}={_shown(received)}"
        subject = f"`{dotted(key)}`" if key else "the file"
        self._found[place, f"{subject} {message}{shown}"] = None

    def add_error(self, key: Key, error: ConfigError) -> None:
        """Adds what somebody who does not know the file said about the value at `key`."""
        self.add(key, str(error).removeprefix(f"`{dotted(key)}`").lstrip(": "))

    def check(self, model: type[ModelT], values: object, prefix: Key = ()) -> ModelT | None:
        """The model that `values`, the section at `prefix`, make; None, and the mistakes are added, if they do not."""
        try:
            return model.model_validate(values)
        except ValidationError as error:
            self.add_validation(error, values, prefix)
            return None

    def add_validation(self, error: ValidationError, values: object, prefix: Key = ()) -> None:
        """Adds what pydantic found in `values`, the section at `prefix`."""
        details: list[tuple[Key, Key, ErrorDetails]] = []
        for detail in error.errors(include_url=False):
            key, tags = _resolve(prefix, values, detail)
            details.append((key, tags, detail))
        deeper = {key[:length] for key, _, _ in details for length in range(len(key))}
        by_key: dict[Key, list[ErrorDetails]] = {}
        for key, tags, detail in details:
            if not (tags and key in deeper):  # the branch of a union that was not meant
                by_key.setdefault(key, []).append(detail)
        meant = {(*key[:-1], self._close(key)) for key, found in by_key.items() if _is(found, "extra_forbidden")}
        for key, found in by_key.items():
            if _is(found, "extra_forbidden"):
                self._add_unknown(key)
            elif _is(found, "missing"):
                if key not in meant:
                    self._add_missing(key, found[0]["input"])
            elif _is(found, "value_error"):
                self._add_rule(key, found[0])
            else:
                self._add_wrong(key, found)

    def raise_any(self) -> None:
        """Raises a ConfigError with a line for each mistake, in the order of the file, if there is any."""
        if self._found:
            ordered = sorted(self._found, key=lambda mistake: mistake[0])
            raise ConfigError("\n".join(f"{place}: {text}" if place.shown else text for place, text in ordered))

    def _model(self, key: Key) -> type[BaseModel] | None:
        """The model that says which keys may stand in the section at `key`."""
        root = max((root for root in self._roots if key[: len(root)] == root), key=len)
        return model_at(self._roots[root], key[len(root) :])

    def _names(self, section: Key) -> list[str]:
        model = self._model(section)
        return list(fields_of(model)) if model else []

    def _close(self, key: Key) -> str:
        """The field that a wrong key probably means, of its section; empty when nothing is like it."""
        names, wrong = {_plain(name): name for name in self._names(key[:-1])}, _plain(key[-1])
        begun = [plain for plain in names if len(wrong) > 2 and plain.startswith(wrong)]
        found = difflib.get_close_matches(wrong, names, n=1) or begun[:1]
        return names[found[0]] if found else ""

    def _elsewhere(self, name: str | int) -> str:
        """The dotted key of a field of that very name in another section, or of a section's; empty if none."""
        return next((dotted(key) for key in all_keys(self._roots) if key[-1] == name), "")

    def _add_unknown(self, key: Key) -> None:
        section = f"a field of `{dotted(key[:-1])}`" if len(key) > 1 else "a field of a pipeline file"
        if close := self._close(key) or self._elsewhere(key[-1]):
            self.add(key, f"is not {section}. Did you mean `{close}`?")
        else:
            self.add(key, f"is not {section}. Expected: one of {', '.join(self._names(key[:-1]))}.")

    def _add_missing(self, key: Key, section: object) -> None:
        given = [str(name) for name in section] if isinstance(section, dict) else []
        known = self._names(key[:-1])
        strange = [name for name in given if name not in known]
        close = difflib.get_close_matches(_plain(key[-1]), map(_plain, strange), n=1)
        hint = f" Is it what `{close[0]}` should be?" if close else ""
        where = f"`{dotted(key[:-1])}`" if len(key) > 1 else "the file"
        self.add(key, f"is required{self._doc(key)}.{hint} Received: {where} with {', '.join(given) or 'nothing'}")

    def _add_rule(self, key: Key, detail: ErrorDetails) -> None:
        said = detail["msg"].removeprefix("Value error, ")
        self.add(key, f"is wrong: {said}" if "\n" in said else f"is wrong: {said}.")  # further lines show the place

    def _add_wrong(self, key: Key, found: list[ErrorDetails]) -> None:
        expected = " or ".join(dict.fromkeys(_expected(detail) for detail in found))
        value = found[0]["input"]
        hint = ""
        if _is(found, "literal_error") and isinstance(value, str):
            choices = found[0].get("ctx", {})["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            close = difflib.get_close_matches(value, choices, n=1)
            hint = f" Did you mean `{close[0]}`?" if close else ""
        elif key[-1:] and isinstance(key[-1], str) and key[-1] not in self._names(key[:-1]) and self._close(key):
            hint = f" Did you mean the key `{self._close(key)}`?"
        elif isinstance(value, int | float) and all(d["type"] == "string_type" for d in found):
            hint = f' Write it in quotes: "{value}".'
        self.add(key, f"must be {expected}.{hint}", received=value)

    def _doc(self, key: Key) -> str:
        model = self._model(key[:-1])
        text = field_docs(model).get(str(key[-1]), "") if model else ""
        return f": {text[0].lower()}{text[1:].rstrip('.')}" if text else ""


def dotted(key: Key) -> str:
    """`("training", "epochs")` as `training.epochs`."""
    return ".".join(str(part) for part in key)


def _resolve(prefix: Key, values: Any, detail: ErrorDetails) -> tuple[Key, Key]:
    """Splits pydantic's location of an error in `values` into a key of the file and the names of union branches."""
    key: Key = prefix
    tags: Key = ()
    for part in detail["loc"]:
        listed = isinstance(values, list | tuple) and isinstance(part, int) and part < len(values)
        if listed or (isinstance(values, dict) and part in values):
            key, values = (*key, part), values[part]
        elif part == detail["loc"][-1] and detail["type"] == "missing":
            key = (*key, part)
        else:
            tags = (*tags, part)
    return key, tags


def _is(found: list[ErrorDetails], kind: str) -> bool:
    return found[0]["type"] == kind


def _expected(detail: ErrorDetails) -> str:
    context: dict[str, Any] = detail.get("ctx", {})
    if detail["type"] == "literal_error":
        choices = context["expected"].replace("'", "`")
        return f"one of {choices}" if " or " in choices else choices
    if detail["type"] in _EXPECTED:
        return _EXPECTED[detail["type"]].format(**context)
    return detail["msg"].removeprefix("Input should be ")


def _plain(name: str | int) -> str:
    return str(name).lower().replace("-", "").replace("_", "").replace(" ", "")


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
