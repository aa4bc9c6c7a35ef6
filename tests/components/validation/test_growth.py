"""Schema files that get labels more: what else stands in them stays."""

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.validation.growth import new_labels, with_labels
from schemas.features import classes, parse_schema, schema_text

REVIEWED = """\
# Reviewed: `spam` is not ours to answer.
feature {
  name: "kind"
  type: BYTES
  string_domain { value: "mail" value: "news" }
}
feature {
  name: "topic"  # the label
  type: BYTES
  string_domain {
    name: "topic"
    value: "mail"
    value: "news"  # since May
    is_categorical: CATEGORICAL_YES
  }
}
"""


def test_comments_and_order_stay() -> None:
    content = REVIEWED.encode()
    grown = with_labels(content, parse_schema(content, "news.pbtxt"), "topic", ["refunds", "Größe"])
    assert grown.as_it_was
    added = '    value: "news"\n    value: "refunds"\n    value: "Größe"  # since May\n'
    assert grown.content.decode() == REVIEWED.replace('    value: "news"  # since May\n', added)
    assert classes(grown.schema, "topic") == ("Größe", "mail", "news", "refunds")
    assert classes(grown.schema, "kind") == ("mail", "news")


def test_a_domain_that_the_label_names_grows_in_its_place() -> None:
    text = """
    feature { name: "topic" type: BYTES domain: "topics" }
    string_domain { name: "topics" value: "b" value: "a" }
    """
    grown = with_labels(text.encode(), parse_schema(text.encode(), "x"), "topic", ["c"])
    assert grown.content.decode() == text.replace('value: "a"', 'value: "a" value: "c"')


@pytest.mark.parametrize("value", ['say "hi"', "back\\slash", "it's", "日本", "tab\there"])
def test_any_label_can_be_written(value: str) -> None:
    schema = parse_schema(REVIEWED.encode(), "x")
    first = with_labels(REVIEWED.encode(), schema, "topic", [value])
    again = with_labels(first.content, first.schema, "topic", ["last"])
    assert again.as_it_was
    assert classes(parse_schema(again.content, "x"), "topic") == tuple(sorted(["mail", "news", value, "last"]))


def test_a_way_of_writing_that_is_not_known_is_written_anew() -> None:
    text = "# mine\nfeature { name: 'topic' type: BYTES string_domain { value: ['a', 'b'] } }\n"
    schema = parse_schema(text.encode(), "x")
    grown = with_labels(text.encode(), schema, "topic", ["c"])
    assert not grown.as_it_was
    assert grown.content.decode() == schema_text(grown.schema)
    assert classes(parse_schema(grown.content, "x"), "topic") == ("a", "b", "c")


def test_labels_that_are_new() -> None:
    schema = text_format.Parse(REVIEWED, schema_pb2.Schema())
    assert new_labels(schema, "topic", ["news", "refunds", "art", "mail"]) == ["art", "refunds"]
    assert new_labels(schema, "topic", ["news"]) == []
