"""A frozen schema with labels that are new: the file as it was, comments and all, and the labels beside the others."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from schemas.features import find_feature, schema_text, string_domain


@dataclass(frozen=True)
class Grown:
    """A schema with more labels.

    Attributes:
        schema: as it is read.
        content: as a file, in text format.
        as_it_was: whether the file is what it was but for the labels; otherwise it was written anew, without comments.
    """

    schema: schema_pb2.Schema
    content: bytes
    as_it_was: bool


def with_labels(content: bytes, schema: schema_pb2.Schema, label: str, new: Sequence[str]) -> Grown:
    """A schema file whose label has more values.

    Args:
        content: the file, in UTF-8.
        schema: what it says.
        label: a feature with a domain.
        new: values that the domain does not have.
    """
    grown = schema_pb2.Schema()
    grown.CopyFrom(schema)
    domain = _domain(grown, label)
    last = domain.value[-1]
    domain.value.extend(new)
    for edited in _edits(content.decode("utf-8"), last, new):
        if _says(edited, grown):
            return Grown(grown, edited.encode("utf-8"), as_it_was=True)
    return Grown(grown, schema_text(grown).encode("utf-8"), as_it_was=False)


def new_labels(schema: schema_pb2.Schema, label: str, found: Iterable[str]) -> list[str]:
    """Those of the labels that are found which the label's domain does not have, sorted."""
    feature = find_feature(schema, label)
    known = set((string_domain(schema, feature) if feature else None) or ())
    return sorted(set(found) - known)


def _domain(schema: schema_pb2.Schema, label: str) -> schema_pb2.StringDomain:
    """The label's domain, its own or the one of the schema's that it names."""
    feature = find_feature(schema, label)
    assert feature is not None
    if feature.HasField("string_domain"):
        return feature.string_domain
    return next(domain for domain in schema.string_domain if domain.name == feature.domain)


def _edits(text: str, last: str, new: Sequence[str]) -> Iterator[str]:
    """The text with the new values behind each place where the domain's last one may stand."""
    literal = _printed(last).removeprefix("value: ")
    for match in re.finditer(rf"value\s*:\s*{re.escape(literal)}", text):
        before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
        added = "".join(f" {_printed(value)}" if before.strip() else f"\n{before}{_printed(value)}" for value in new)
        yield text[: match.end()] + added + text[match.end() :]


def _printed(value: str) -> str:
    """`value: "earn"`, as protobuf's text format has it."""
    return text_format.MessageToString(schema_pb2.StringDomain(value=[value]), as_utf8=True).strip()


def _says(text: str, schema: schema_pb2.Schema) -> bool:
    try:
        return bool(text_format.Parse(text, schema_pb2.Schema()) == schema)
    except text_format.ParseError:
        return False
