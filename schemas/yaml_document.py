"""A YAML file as plain values that remember where each of them stands.

YAML 1.2's core schema: `no` and `on` are text, `1e-3` is a number, keys are always text. Nothing but mappings, lists
and scalars comes out, whatever tags the file carries, and size, depth and the growth of aliases are bounded.
https://yaml.org/spec/1.2.2/#103-core-schema
"""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from schemas.errors import ConfigError

MAX_BYTES: Final = 1 << 20
MAX_VALUES: Final = 20_000
"""Values of a document with every alias written out."""
MAX_DEPTH: Final = 30

Key = tuple[str | int, ...]
"""Where a value stands: keys of mappings and indices of lists, from the top."""

_TAG: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, order=True)
class Place:
    """Where a value was written: a line of a file (from 1), or, after all lines, an override of the command line."""

    override: int
    line: int
    shown: str = field(compare=False)

    def __str__(self) -> str:
        return self.shown


@dataclass(frozen=True)
class Document:
    """Values, their places, and what was wrong with the writing itself (a key that stands twice, say)."""

    file: str
    values: dict[str, Any]  # what YAML can say: scalars, lists and mappings of these
    places: Mapping[Key, Place]
    defects: tuple[tuple[Place, str], ...] = ()

    def place(self, key: Key) -> Place:
        """The place of a value, or of the nearest section around it."""
        while key not in self.places:
            key = key[:-1]
        return self.places[key]

    def value(self, key: Key) -> Any:
        """The value at a key; KeyError, IndexError or TypeError where there is none."""
        found: Any = self.values
        for part in key:
            found = found[part]
        return found


def read_document(path: Path) -> Document:
    """Reads a file whose top level is a mapping.

    Raises:
        ConfigError: it cannot be read, is larger than `MAX_BYTES`, or is not YAML; with the line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}.") from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{path}: is larger than {MAX_BYTES >> 20} MiB, which no pipeline file is.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: must be UTF-8. Received: byte 0x{content[error.start]:02x}") from error
    reading = _Reading(str(path))
    values = reading.value(_compose(text, str(path)), ())
    if not isinstance(values, dict):
        found = "nothing" if values is None else f"a {type(values).__name__}"
        raise ConfigError(f"{path}:1: must be a mapping, `key: value` lines. Received: {found}")
    return Document(str(path), values, reading.places, tuple(reading.defects))


def override(document: Document, setting: str, index: int = 1) -> Document:
    """The document with one value replaced.

    Args:
        document: stays as it is.
        setting: `KEY=VALUE`; the key is dotted (`training.epochs`, `evaluation.require.0.at_least`), the value YAML.
        index: the setting's place among those of a command line, from 1.

    Raises:
        ConfigError: the setting is not of that form, or leads into something that is not a section.
    """
    name, equals, text = setting.partition("=")
    if not equals or not all(name.split(".")):
        raise ConfigError(f"--set must be KEY=VALUE, such as training.epochs=3. Received: {setting}")
    label = f"--set {setting}"
    place = Place(index, 0, label)
    reading = _Reading(label, place)
    values = copy.deepcopy(document.values)
    key, holder = _holder(values, name.split("."), label)
    new = reading.value(_compose(text, label), key)
    if isinstance(holder, list) and key[-1] == len(holder):
        holder.append(new)
    else:
        holder[key[-1]] = new
    places = {k: p for k, p in document.places.items() if k[: len(key)] != key}
    places.update(reading.places)
    for length in range(1, len(key) + 1):
        places.setdefault(key[:length], place)
    defects = (*document.defects, *reading.defects)
    return Document(document.file, values, places, defects)


def _holder(values: dict[str, Any], parts: list[str], label: str) -> tuple[Key, Any]:
    """The key that dotted parts name, and the section or list that holds its value; makes sections on the way."""
    key: Key = ()
    holder: Any = values
    for position, part in enumerate(parts):
        step: str | int = part
        if isinstance(holder, list):
            if not part.isdecimal() or int(part) > len(holder):
                raise ConfigError(
                    f"{label}: `{_dotted(key)}` is a list of {len(holder)}; its entries are 0, 1, ... Received: {part}"
                )
            step = int(part)
        elif not isinstance(holder, dict):
            raise ConfigError(f"{label}: `{_dotted(key)}` is not a section. Received: {_dotted(key)}={holder!r}")
        key = (*key, step)
        if position < len(parts) - 1:
            holder = _enter(holder, step)
    return key, holder


def _enter(holder: Any, step: str | int) -> Any:
    if isinstance(holder, list):
        if step == len(holder):
            holder.append({})
    elif holder.get(step) is None:
        holder[step] = {}
    return holder[step]


def _dotted(key: Key) -> str:
    return ".".join(str(part) for part in key)


class _CoreSchema(BaseResolver):
    """Resolves plain scalars as YAML 1.2's core schema does."""


for _name, _pattern, _first in (
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]{1,30}|0o[0-7]{1,30}|0x[0-9a-fA-F]{1,30}", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]{1,40}|[0-9]{1,40}(\.[0-9]{0,40})?)([eE][-+]?[0-9]{1,4})?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
):
    _CoreSchema.add_implicit_resolver(_TAG + _name, re.compile(rf"^(?:{_pattern})$"), _first)


class _NodeLoader(Reader, Scanner, Parser, Composer, _CoreSchema):
    """Composes nodes, and constructs nothing from them."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        _CoreSchema.__init__(self)


def _compose(text: str, label: str) -> Node | None:
    try:
        return _NodeLoader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{label}:{mark.line + 1}" if mark and not label.startswith("--set") else label
        said = ", ".join(part for part in (error.context, error.problem) if part)
        hint = " Indent with spaces." if "'\\t'" in said else ""
        raise ConfigError(f"{where}: is not valid YAML: {said}.{hint}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{label}: is not valid YAML: {' '.join(str(error).split())}.") from error
    except RecursionError as error:
        raise ConfigError(f"{label}: is nested deeper than {MAX_DEPTH} levels.") from error


class _Reading:
    """Turns nodes into values, and notes places on the way. Aliases are written out, so values are counted."""

    def __init__(self, label: str, place: Place | None = None) -> None:
        self._label = label
        self._place = place
        self._count = 0
        self.places: dict[Key, Place] = {}
        self.defects: list[tuple[Place, str]] = []

    def value(self, node: Node | None, key: Key) -> Any:
        """A node's value; `key` is where it stands."""
        if node is None:
            return None
        place = self._at(node)
        self.places.setdefault(key, place)
        self._count += 1
        if self._count > MAX_VALUES:
            raise ConfigError(f"{place}: holds more than {MAX_VALUES} values once its aliases are written out.")
        if len(key) > MAX_DEPTH:
            raise ConfigError(f"{place}: is nested deeper than {MAX_DEPTH} levels.")
        if isinstance(node, MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, key)
        if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            return [self.value(child, (*key, index)) for index, child in enumerate(node.value)]
        if isinstance(node, ScalarNode):
            return self._scalar(node, place)
        return self._refuse_tag(node, place)

    def _mapping(self, node: MappingNode, key: Key) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, child in node.value:
            place = self._at(name)
            if not isinstance(name, ScalarNode):
                self.defects.append((place, "a key must be text. Received: a list or mapping as key"))
                continue
            at = (*key, name.value)
            if name.value in values:
                first = self.places[at]
                self.defects.append((place, f"`{_dotted(at)}` stands twice; the first is at {first}. Remove one."))
                continue
            self.places[at] = place
            values[name.value] = self.value(child, at)
        return values

    def _scalar(self, node: ScalarNode, place: Place) -> Any:
        text = str(node.value)
        match node.tag.removeprefix(_TAG):
            case "str":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" | "float" as kind:
                try:
                    return _integer(text) if kind == "int" else _float(text)
                except ValueError:
                    self.defects.append((place, f"must be a number. Received: {text[:80]!r}"))
                    return None
        return self._refuse_tag(node, place)

    def _refuse_tag(self, node: Node, place: Place) -> None:
        self.defects.append((place, f"only plain YAML values may stand here. Received: tag {node.tag}"))

    def _at(self, node: Node) -> Place:
        line = node.start_mark.line + 1
        return self._place or Place(0, line, f"{self._label}:{line}")


def _integer(text: str) -> int:
    return int(text, 0) if text[:2] in ("0x", "0o") else int(text)


def _float(text: str) -> float:
    special = text.lstrip("+").lower()
    return float(special.replace(".inf", "inf").replace(".nan", "nan"))
