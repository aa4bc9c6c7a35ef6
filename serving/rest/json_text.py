"""JSON as TF Serving takes it: with NaN and infinities, and nested as deep as a body is long.

orjson reads what is plain JSON, some hundred times as fast as the rest. What it refuses is read again, without
recursion, as RapidJSON does for TF Serving (kParseNanAndInfFlag, kParseStopWhenDoneFlag): what follows the document
does not matter, nor whether strings are UTF-8. Bytes that are not come out as surrogates (PEP 383).
"""

import re
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, Final

import orjson

from serving.errors import Code, ServingError
from serving.rest.shown import shown

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_WORD: Final = re.compile(r"true|false|null|NaN|-?Inf(?:inity)?")
_WORDS: Final = {"true": True, "false": False, "null": None, "NaN": float("nan")}
_UNCLOSED: Final = {
    "}": "Missing a comma or } after an object member.",
    "]": "Missing a comma or ] after an array element.",
}
_LONGEST_INTEGER: Final = 300
"""Digits beyond which an integer is read as a float: it may be infinite, which no integer of Python's turns into."""


def parse(body: bytes) -> dict[str, Any]:
    """The object of a request.

    Raises:
        ServingError: INVALID_ARGUMENT, it is no JSON, or no object.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        value = _Reader(body).read()
    if not isinstance(value, dict):
        raise ServingError(Code.INVALID_ARGUMENT, f"JSON Value: {shown(value)} Is not object")
    return value


class _Reader:
    """Reads a text from its beginning; containers that are not closed yet are on a stack."""

    def __init__(self, body: bytes) -> None:
        self._text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
        self._at = 0

    def read(self) -> Any:
        """The value; what follows it does not matter."""
        if not self._next():
            raise ServingError(Code.INVALID_ARGUMENT, "JSON Parse error: The document is empty")
        stack: list[tuple[Any, str]] = []  # containers, and the key that each waits for
        value, is_complete = self._value()
        while True:
            if not is_complete:
                stack.append((value, self._key() if isinstance(value, dict) else ""))
                value, is_complete = self._value()
                continue
            if not stack:
                break
            container, key = stack.pop()
            if isinstance(container, dict):
                container[key] = value
            else:
                container.append(value)
            closing = "}" if isinstance(container, dict) else "]"
            if self._takes(","):
                stack.append((container, self._key() if isinstance(container, dict) else ""))
                value, is_complete = self._value()
            elif self._takes(closing):
                value, is_complete = container, True
            else:
                raise self._error(_UNCLOSED[closing])
        return value

    def _value(self) -> tuple[Any, bool]:
        """A value, and whether it is complete: a container with something in it is not."""
        character = self._next()
        if character == "{":
            self._at += 1
            return {}, self._takes("}")
        if character == "[":
            self._at += 1
            return [], self._takes("]")
        if character == '"':
            return self._string(), True
        return self._word() if _WORD.match(self._text, self._at) else self._number(), True

    def _key(self) -> str:
        if self._next() != '"':
            raise self._error("Missing a name for object member.")
        key = self._string()
        if not self._takes(":"):
            raise self._error("Missing a colon after a name of object member.")
        return key

    def _string(self) -> str:
        try:
            value, self._at = scanstring(self._text, self._at + 1, True)
        except JSONDecodeError as error:
            self._at = error.pos
            raise self._error(error.msg) from error
        return str(value)

    def _word(self) -> bool | float | None:
        matched = _WORD.match(self._text, self._at)
        assert matched is not None
        self._at = matched.end()
        return _WORDS[matched[0]] if matched[0] in _WORDS else float(matched[0])

    def _number(self) -> int | float:
        matched = _NUMBER.match(self._text, self._at)
        if matched is None:
            raise self._error("Invalid value.")
        self._at = matched.end()
        is_float = matched[1] or matched[2] or len(matched[0]) > _LONGEST_INTEGER
        return float(matched[0]) if is_float else int(matched[0])

    def _takes(self, character: str) -> bool:
        if self._next() != character:
            return False
        self._at += 1
        return True

    def _next(self) -> str:
        """The next character that is no white space; empty at the end."""
        matched = _SPACE.match(self._text, self._at)
        assert matched is not None
        self._at = matched.end()
        return self._text[self._at : self._at + 1]

    def _error(self, what: str) -> ServingError:
        return ServingError(Code.INVALID_ARGUMENT, f"JSON Parse error: {what} at offset: {self._at}")
