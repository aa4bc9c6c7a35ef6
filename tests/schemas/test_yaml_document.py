from pathlib import Path

import pytest

from schemas.errors import ConfigError
from schemas.yaml_document import MAX_BYTES, Document, override, read_document


def document(tmp_path: Path, text: str | bytes) -> Document:
    path = tmp_path / "p.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_document(path)


def refusal(tmp_path: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        document(tmp_path, text)
    return str(caught.value).replace(f"{tmp_path}/", "")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("1e-3", 0.001),
        ("1.", 1.0),
        (".5", 0.5),
        ("-3", -3),
        ("0x1F", 31),
        ("0o17", 15),
        ("007", 7),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2026-01-02", "2026-01-02"),
        (".inf", float("inf")),
        ("-.INF", float("-inf")),
        ("~", None),
        ("", None),
        ("'3'", "3"),
        ("[a, {b: 1}]", ["a", {"b": 1}]),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_scalars_follow_the_core_schema(tmp_path: Path, written: str, value: object) -> None:
    assert document(tmp_path, f"key: {written}").values == {"key": value}


def test_keys_are_text(tmp_path: Path) -> None:
    assert document(tmp_path, "{1: a, true: b, null: c}").values == {"1": "a", "true": "b", "null": "c"}


def test_values_know_their_lines(tmp_path: Path) -> None:
    read = document(tmp_path, "\ufeffa: 1\nb:\n  c: [x,\n    y]\n")
    assert read.place(("a",)).line == 1
    assert read.place(("b", "c")).line == 3
    assert read.place(("b", "c", 1)).line == 4
    assert str(read.place(("b", "missing", "deeper"))) == f"{tmp_path}/p.yaml:2"


def test_a_repeated_key_is_a_defect_that_names_both_lines(tmp_path: Path) -> None:
    read = document(tmp_path, "a:\n  b: 1\n  b: 2\n")
    assert read.values == {"a": {"b": 1}}
    assert [(place.line, text.replace(f"{tmp_path}/", "")) for place, text in read.defects] == [
        (3, "`a.b` stands twice; the first is at p.yaml:2. Remove one.")
    ]


def test_nothing_is_constructed_from_tags(tmp_path: Path) -> None:
    read = document(tmp_path, "a: !!python/object/apply:os.system ['true']\nb: !!int x\n? [k]\n: 1\n")
    assert [text for _, text in read.defects] == [
        "only plain YAML values may stand here. Received: tag tag:yaml.org,2002:python/object/apply:os.system",
        "must be a number. Received: 'x'",
        "a key must be text. Received: a list or mapping as key",
    ]


def test_aliases_are_written_out(tmp_path: Path) -> None:
    read = document(tmp_path, "a: &x {b: 1}\nc: *x\n")
    assert read.values == {"a": {"b": 1}, "c": {"b": 1}}


def test_a_bomb_of_aliases_is_refused(tmp_path: Path) -> None:
    levels = "\n".join(f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, 10))
    assert "holds more than 20000 values" in refusal(tmp_path, f"l0: &l0 x\n{levels}\n")


@pytest.mark.parametrize("text", ["a: &x [*x]", "[" * 50_000, "a: " + "{b: " * 40])
def test_endless_and_deep_nesting_is_refused(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text).count("\n") == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "p.yaml:1: must be a mapping, `key: value` lines. Received: nothing"),
        ("- a", "p.yaml:1: must be a mapping, `key: value` lines. Received: a list"),
        (b"a: 1\nb: \xff", "p.yaml:2: must be UTF-8. Received: byte 0xff"),
        (
            "a: 1\n\tb: 2",
            "p.yaml:2: is not valid YAML: while scanning for the next token, found character '\\t' that cannot start"
            " any token. Indent with spaces.",
        ),
        (b"a" * (MAX_BYTES + 1), "p.yaml: is larger than 1 MiB, which no pipeline file is."),
    ],
)
def test_what_is_no_pipeline_file_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert refusal(tmp_path, text) == message


def test_a_nul_character_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a: b\0c").startswith("p.yaml: is not valid YAML:")


def test_two_documents_are_refused(tmp_path: Path) -> None:
    assert "expected a single document in the stream" in refusal(tmp_path, "a: 1\n---\nb: 2\n")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml: cannot be read: No such file or directory\."):
        read_document(tmp_path / "gone.yaml")


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ("training.epochs=1", ("training", "epochs"), 1),
        ("push.directory=served", ("push", "directory"), "served"),
        ("list.0.at=2.5", ("list", 0, "at"), 2.5),
        ("list.1={at: 3}", ("list", 1, "at"), 3),
        ("list.1.at=4", ("list", 1, "at"), 4),
        ("name=a=b", ("name",), "a=b"),
        ("empty=", ("empty",), None),
        ("nothing.x=1", ("nothing", "x"), 1),
        ("name={a: [1, 2]}", ("name", "a", 1), 2),
    ],
)
def test_overrides_replace_and_add(tmp_path: Path, setting: str, key: tuple[str | int, ...], value: object) -> None:
    before = document(tmp_path, "name: n\ntraining: {epochs: 5, seed: 1}\nlist: [{at: 1}]\nnothing:\n")
    after = override(before, setting)
    assert after.value(key) == value
    assert str(after.place(key)) == f"--set {setting}"
    assert before.values["training"] == {"epochs": 5, "seed": 1}
    assert before.values["list"] == [{"at": 1}]


def test_overrides_come_after_all_lines(tmp_path: Path) -> None:
    read = override(document(tmp_path, "a: 1\nb: 2\n"), "a=3", index=2)
    assert read.place(("b",)) < read.place(("a",))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epochs", "--set must be KEY=VALUE, such as training.epochs=3. Received: epochs"),
        ("a..b=1", "--set must be KEY=VALUE, such as training.epochs=3. Received: a..b=1"),
        ("name.x=1", "--set name.x=1: `name` is not a section. Received: name='n'"),
        ("list.2=1", "--set list.2=1: `list` is a list of 1; its entries are 0, 1, ... Received: 2"),
        ("list.x=1", "--set list.x=1: `list` is a list of 1; its entries are 0, 1, ... Received: x"),
    ],
)
def test_overrides_that_lead_nowhere_are_refused(tmp_path: Path, setting: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        override(document(tmp_path, "name: n\nlist: [1]\n"), setting)
    assert str(caught.value) == message


def test_an_override_must_be_yaml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--set a=\[1: is not valid YAML"):
        override(document(tmp_path, "a: 1"), "a=[1")
