"""Strings of JSON as bytes: text as it is, and `{"b64": "..."}`."""

import binascii
from typing import Any, Final

from serving.errors import Code, ServingError
from serving.rest.shown import shown

_KEY: Final = "b64"
_NO_SPACE: Final = dict.fromkeys(map(ord, " \t\n\r\v\f"))


def is_base64(value: Any) -> bool:
    """Whether a value is an object of the one key `b64`, which holds a string."""
    return type(value) is dict and len(value) == 1 and type(value.get(_KEY)) is str


def decode_base64(value: Any) -> bytes:
    """The bytes of such an object; spaces and missing padding do not matter.

    Raises:
        ServingError: INVALID_ARGUMENT, it is none, or no Base64 is in it.
    """
    if not is_base64(value):
        raise ServingError(Code.INVALID_ARGUMENT, f"JSON Value: {shown(value)} not formatted correctly for base64 data")
    text = value[_KEY].translate(_NO_SPACE).rstrip("=")
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except ValueError as error:
        raise ServingError(Code.INVALID_ARGUMENT, "Unable to base64 decode") from error


def encode(text: str) -> bytes:
    """The bytes of a document's string as they were sent, which need not be UTF-8.

    Raises:
        ServingError: INVALID_ARGUMENT, an escaped half of a surrogate pair stands alone.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ServingError(
            Code.INVALID_ARGUMENT, "JSON Parse error: The surrogate pair in string is invalid."
        ) from error
