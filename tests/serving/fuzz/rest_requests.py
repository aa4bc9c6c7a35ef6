"""HTTP requests that were valid once, each made from a source of chance alone."""

import gzip
import json
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from tests.serving.fuzz.odd_values import TEXTS, odd
from tests.serving.fuzz.spoilt_bytes import garbage, spoilt

_HALF: Final = "/v1/models/half_plus_two"
_KINDS: Final = "/v1/models/kinds"
_ROW: Final = {"pair": [1.0, 2.0], "count": 3, "words": ["a", {"b64": "/w=="}], "flag": True}
_SEEDS: Final[tuple[tuple[str, Any], ...]] = (
    (f"{_HALF}:predict", {"instances": [1.0, 2.0, 5.0]}),
    (f"{_HALF}:predict", {"signature_name": "serving_default", "instances": [{"x": 1.0}, {"x": -2e3}]}),
    (f"{_HALF}/versions/1:predict", {"inputs": {"x": [1.0, 2.5]}}),
    (f"{_HALF}/labels/stable:predict", {"inputs": [1, 2, 3]}),
    (f"{_HALF}:classify", {"signature_name": "classify_x_to_y", "examples": [{"x": 1.0}, {"x": [2.0]}]}),
    (f"{_HALF}:regress", {"signature_name": "regress_x_to_y", "context": {"x": 1.0}, "examples": [{}, {"y": "z"}]}),
    (f"{_KINDS}:predict", {"instances": [_ROW, _ROW]}),
    (f"{_KINDS}:predict", {"inputs": {name: [value] for name, value in _ROW.items()}}),
    (f"{_KINDS}:predict", {"signature_name": "length", "inputs": [[["é", "漢字"]], [["", {"b64": ""}]]]}),
    (f"{_KINDS}:predict", {"signature_name": "root", "instances": [[[1.0], [2]], [[-3], [1e300]]]}),
)
_PATHS: Final = (
    "/",
    "//",
    "/v1/models",
    "/v1/models/",
    _HALF,
    f"{_HALF}/metadata",
    f"{_HALF}/versions/1",
    f"{_HALF}/versions/1/metadata",
    f"{_HALF}/labels/stable",
    f"{_HALF}/versions/{2**63}:predict",
    f"{_HALF}/versions/-1:predict",
    f"{_HALF}/versions/1/labels/stable:predict",
    f"{_HALF}/labels/%00:predict",
    f"{_HALF}:predict?verbose=1#part",
    f"{_HALF}:explain",
    f"{_HALF}:predict:predict",
    "/V1/MODELS/half_plus_two:predict",
    "/v1/models/%68alf_plus_two:predict",
    "/v1/models/%ff%fe:predict",
    "/v1/models/%zz:predict",
    "/v1/../v1/models/half_plus_two:predict",
    "/v1/models/" + "a" * 3_000 + ":predict",
    "/live",
    "/ready",
    "/monitoring/prometheus/metrics",
    "http://elsewhere.example/v1/models/half_plus_two:predict",
)
_METHODS: Final = ("GET", "PUT", "DELETE", "OPTIONS", "PATCH", "POST")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?([eE]-?\d+)?")
_NUMBERS: Final = (
    *("01", "1.", "-.5", ".5", "+1", "0x10", "1e400", "-1e400", "-0", "1E+2", "--1", "1e", "-", "1_000", "\uff11"),
    *(
        "Infinity",
        "-Infinity",
        "Inf",
        "-Inf",
        "NaN",
        "nan",
        "-NaN",
        "null",
        "9" * 350,
        "-" + "9" * 400,
        "0." + "3" * 400,
        "1e-400",
    ),
)
_LENGTHS: Final = ("-1", "abc", "", "0x10", "+5", "1 2", "1,2", "99999999999999999999", str(2**40), "0")
_DEPTHS: Final = (10, 10, 100, 100, 1_000, 1_000, 20_000)
_ENCODINGS: Final = ("gzip",) * 6 + ("deflate", "br", "identity", "gzip, gzip", "GZIP", "x-gzip", "", "\xff", "a" * 500)
_BOMB: Final = gzip.compress(b" " * (4 << 20))
_HEADERS: Final = (
    "content-type: \xff/plain",
    "accept: nothing",
    "x-odd:",
    "authorization: Bearer \xff",
    "cookie: " + "c" * 99,
)
_WRONG_HEADERS: Final = ("no colon", "x: " + "y" * 40_000, "expect: 100-continue", "upgrade: websocket", ": x")
_WRONG_METHODS: Final = ("post", "P\0ST", "", "POST " * 3, "CONNECT", "TRACE", "X" * 9_000)
_VERSIONS: Final = (b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/9.9", b"ICY/1.1", b"")


@dataclass(frozen=True)
class RestRequest:
    """What is sent.

    Args:
        data: head and body.
        is_whole: the head is right, so just one answer is due, and the connection stays good.
    """

    data: bytes
    is_whole: bool = True


def rest_request(chance: Random) -> RestRequest:
    """One of any kind."""
    path, value = chance.choice(_SEEDS)
    (make,) = chance.choices(list(_KINDS_OF_REQUESTS), _KINDS_OF_REQUESTS.values())
    return make(path, value, chance)


def _disturbed_value(path: str, value: Any, chance: Random) -> RestRequest:
    return _posted(path, json.dumps(_disturbed(value, chance)).encode())


def _spoilt_text(path: str, value: Any, chance: Random) -> RestRequest:
    return _posted(path, spoilt(_text(value), chance))


def _odd_numbers(path: str, value: Any, chance: Random) -> RestRequest:
    def number(found: re.Match[str]) -> str:
        return chance.choice(_NUMBERS) if chance.random() < 0.5 else found[0]

    return _posted(path, _NUMBER.sub(number, _text(value).decode()).encode())


def _key_twice(path: str, value: Any, chance: Random) -> RestRequest:
    again = f"{json.dumps(chance.choice(list(value)))}: {json.dumps(odd(chance))}"
    text = json.dumps(value)
    twice = f"{{{again}, {text[1:]}" if chance.random() < 0.5 else f"{text[:-1]}, {again}}}"
    return _posted(path, twice.encode())


def _nested(path: str, value: Any, chance: Random) -> RestRequest:
    """As deep as it gets, closed again or not, under a key that matters or another."""
    depth, is_closed = chance.choice(_DEPTHS), chance.random() < 0.7
    opening, closing = chance.choice((("[", "]"), ('{"a":', "}")))
    deep = opening * depth + "1" + (closing * depth if is_closed else "")
    key = chance.choice(("unused", "inputs", "instances", "examples", "signature_name"))
    return _posted(path, f'{{"{key}": {deep}, {json.dumps(value)[1:]}'.encode())


def _in_other_letters(path: str, value: Any, chance: Random) -> RestRequest:
    text = _text(value).decode()
    latin, halves = text.replace("e", "\xe9").encode("latin-1", "replace"), text.replace('"', '"\\ud83d', 3).encode()
    wide = text.encode(chance.choice(("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-7")))
    return _posted(path, chance.choice((latin, halves, wide)))


def _packed(path: str, value: Any, chance: Random) -> RestRequest:
    """As the header says, or not."""
    text = _text(value)
    whole = gzip.compress(text)
    contents = (
        _BOMB,
        whole,
        whole[:-5],
        spoilt(whole, chance),
        zlib.compress(text),
        text,
    )
    return _posted(path, chance.choice(contents), f"content-encoding: {chance.choice(_ENCODINGS)}")


def _elsewhere(_: str, value: Any, chance: Random) -> RestRequest:
    """Another path, method or header."""
    return _posted(chance.choice(_PATHS), _text(value), chance.choice(_HEADERS), method=chance.choice(_METHODS))


def _of_wrong_length(path: str, value: Any, chance: Random) -> RestRequest:
    body = _text(value)
    near = str(max(0, len(body) + chance.choice((-20, -3, -1, 1, 7, 5_000))))
    lengths = [f"content-length: {chance.choice((near, near, *_LENGTHS))}"]
    if chance.random() < 0.3:
        lengths.append(f"content-length: {len(body)}")
    return RestRequest(_head(path, *lengths) + body, is_whole=False)


def _in_chunks(path: str, value: Any, chance: Random) -> RestRequest:
    """Whole chunks or spoilt ones, sometimes beside a length."""
    body = _text(value)
    cut = chance.randint(0, len(body))
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:cut], body[cut:]) if part) + b"0\r\n\r\n"
    also = [f"content-length: {len(body)}"] if chance.random() < 0.3 else []
    head = _head(path, "transfer-encoding: chunked", *also)
    return RestRequest(head + (chunks if chance.random() < 0.4 else spoilt(chunks, chance)), is_whole=False)


def _spoilt_head(path: str, value: Any, chance: Random) -> RestRequest:
    body = _text(value)
    length = f"content-length: {len(body)}"
    heads = (
        spoilt(_head(path, length), chance),
        _head(path, chance.choice(_WRONG_HEADERS), length),
        _head(path, length, method=chance.choice(_WRONG_METHODS)),
        _head(path, length).replace(b"HTTP/1.1", chance.choice(_VERSIONS)),
        garbage(chance),
    )
    return RestRequest(chance.choice(heads) + body, is_whole=False)


_KINDS_OF_REQUESTS: Final[Mapping[Callable[[str, Any, Random], RestRequest], int]] = {
    _disturbed_value: 8,
    _spoilt_text: 4,
    _odd_numbers: 3,
    _key_twice: 2,
    _nested: 1,
    _in_other_letters: 2,
    _packed: 1,
    _elsewhere: 2,
    _of_wrong_length: 1,
    _in_chunks: 1,
    _spoilt_head: 2,
}
"""And how often each is made."""


def _posted(path: str, body: bytes, *headers: str, method: str = "POST") -> RestRequest:
    return RestRequest(_head(path, *headers, f"content-length: {len(body)}", method=method) + body)


def _head(path: str, *headers: str, method: str = "POST") -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "host: 127.0.0.1", *headers, "", "")).encode("latin-1")


def _disturbed(value: Any, chance: Random) -> Any:
    """The same but for one change somewhere."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.2:
        return chance.choice((odd(chance), odd(chance), [value], {"b64": value}, [value] * 3))
    keys = list(value) if isinstance(value, dict) else range(len(value))
    copy: Any = value.copy()
    key = chance.choice(keys)
    match chance.randrange(8):
        case 0:
            del copy[key]
        case 1 if isinstance(value, dict):
            copy[chance.choice(TEXTS)] = copy.pop(key)
        case 1:
            copy.insert(key, odd(chance))
        case _:
            copy[key] = _disturbed(value[key], chance)
    return copy


def _text(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
