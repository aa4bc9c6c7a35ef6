"""ExampleGen from raw files to examples on disk, through Beam."""

import csv
import gzip
import json
import os
import random
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from components.example_gen import ExampleGen
from components.transforms.beam import watched
from components.transforms.readers import Source, csv_parts
from components.transforms.readers.csv_files import CsvReader
from schemas.artifacts import Examples
from schemas.config import DataConfig
from schemas.errors import ConfigError, DataError, TrainworksError
from schemas.ingestion import Defect
from schemas.tfrecords import read_records

Generate = Callable[..., Examples]

ROWS = "label,text\n" + "".join(f"{'earn' if i % 2 else 'acq'},text number {i}\n" for i in range(40))


@pytest.fixture
def generate(context: Any, tmp_path: Path) -> Generate:
    """Runs ExampleGen on `data` (with `eval` given, so that no holdout is cut unless asked for)."""

    def run(task: str = "classification", **data: Any) -> Examples:
        config = {"format": "csv", "features": {"text": "text"}, "label": "label", **data}
        uri = tmp_path / f"examples-{len(list(tmp_path.glob('examples-*')))}"
        uri.mkdir()
        component = ExampleGen(data=DataConfig.model_validate(config), task=task)
        bound = component.bind({}, {"examples": Examples(uri)})
        bound.run(context)
        return bound.examples

    return run


def rows(examples: Examples, split: str = "train") -> list[dict[str, Any]]:
    """The split's examples, feature to value (None for several or none)."""
    import tensorflow as tf

    found = []
    for shard in examples.shards(split):
        with shard.open("rb") as file:
            for record in read_records(file):
                features = tf.train.Example.FromString(record).features.feature
                found.append({name: _value(feature) for name, feature in features.items()})
    return found


def _value(feature: Any) -> Any:
    values = list(getattr(feature, feature.WhichOneof("kind")).value)
    value = values[0] if len(values) == 1 else None
    return value.decode() if isinstance(value, bytes) else value


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def alone(content: str | bytes, tmp_path: Path, generate: Generate, **data: Any) -> Examples:
    """One CSV as `train`, next to a sound `eval`."""
    write(tmp_path / "a.csv", content)
    write(tmp_path / "eval.csv", "label,text,id\nearn,e,0\n")
    return generate(splits={"train": "a.csv", "eval": "eval.csv"}, **data)


def only_defect(examples: Examples) -> Defect:
    (defect,) = examples.ingestion().defects
    return defect


def test_rows_become_examples_with_their_origin(tmp_path: Path, generate: Generate) -> None:
    content = 'id,label,text\n1, earn ,"a ""quoted"", b\nsecond line"\n\n2,acq,\n'
    examples = alone(content, tmp_path, generate, keep=["id"])
    assert rows(examples) == [
        {"id": "1", "label": "earn", "text": 'a "quoted", b\nsecond line', "_source": "a.csv:2"},
        {"id": "2", "label": "acq", "text": "", "_source": "a.csv:5"},
    ]
    ingestion = examples.ingestion()
    assert ingestion.columns == {"id": "BYTES", "label": "BYTES", "text": "BYTES", "_source": "BYTES"}
    assert ingestion.rows == {"train": 2, "eval": 1}
    assert ingestion.defects == ()
    assert examples.properties == {"split_names": '["train", "eval"]', "span": 0, "version": 0}
    names = sorted(path.relative_to(examples.uri).as_posix() for path in examples.uri.rglob("*") if path.is_file())
    assert names == [
        "Split-eval/data_tfrecord-00000-of-00001",
        "Split-train/data_tfrecord-00000-of-00001",
        "ingestion.json",
    ]


def test_tensorflow_reads_what_was_written(tmp_path: Path, generate: Generate) -> None:
    import tensorflow as tf

    examples = alone(ROWS, tmp_path, generate)
    dataset = tf.data.TFRecordDataset([str(path) for path in examples.shards("train")])
    records = list(dataset.as_numpy_iterator())
    assert len(records) == 40
    for record in records:
        example = tf.train.Example.FromString(record)
        assert example.SerializeToString(deterministic=True) == record


def test_two_runs_are_equal_to_the_byte(tmp_path: Path, generate: Generate) -> None:
    write(tmp_path / "a.csv", ROWS)
    first, second = (generate(splits={"train": "a.csv"}, holdout={"eval": 0.3}) for _ in range(2))
    contents = [
        {path.relative_to(e.uri): path.read_bytes() for path in e.uri.rglob("*") if path.is_file()}
        for e in (first, second)
    ]
    assert len(contents[0]) == 3
    assert contents[0] == contents[1]


def test_globs_are_sorted_and_no_file_comes_twice(tmp_path: Path, generate: Generate) -> None:
    for name in ("deep/x/c.csv", "deep/b.csv", "z.csv"):
        write(tmp_path / name, f"text,label\n{name},earn\n")
    write(tmp_path / "eval.csv", "label,text\nearn,e\n")
    examples = generate(splits={"train": ["z.csv", "deep/**/*.csv", "*z.csv"], "eval": "eval.csv"})
    assert [row["_source"] for row in rows(examples)] == ["z.csv:2", "deep/b.csv:2", "deep/x/c.csv:2"]


def test_names_with_spaces_brackets_and_accents(tmp_path: Path, generate: Generate) -> None:
    write(tmp_path / "données été" / "a [1].csv", "label,text\nearn,x\n")
    write(tmp_path / "eval.csv", "label,text\nearn,e\n")
    examples = generate(splits={"train": "données été/a [1].csv", "eval": "eval.csv"})
    assert [row["_source"] for row in rows(examples)] == ["données été/a [1].csv:2"]


def test_external_inputs_are_the_matched_files(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, ROWS) for name in ("a.csv", "b.csv", "c.csv")]
    data = DataConfig(
        format="csv", splits={"train": ("a.csv", "b.csv"), "test": "[c]*.csv"}, features={"t": "text"}, label="label"
    )
    assert ExampleGen(data=data, task="classification").external_inputs(tmp_path) == paths


# Splits


def sides(examples: Examples, column: str = "text") -> dict[str, set[str]]:
    return {split: {row[column] for row in rows(examples, split)} for split in examples.splits()}


def test_holdout_stays_when_rows_are_added_and_reordered(tmp_path: Path, generate: Generate) -> None:
    lines = [f"earn,story {i}" for i in range(400)]
    write(tmp_path / "a.csv", "label,text\n" + "\n".join(lines) + "\n")
    data = {"splits": {"train": "a.csv"}, "holdout": {"eval": 0.2, "check": 0.1}}
    before = sides(generate(**data))
    more = [*lines, *(f"acq,new {i}" for i in range(200))]
    random.Random(3).shuffle(more)
    write(tmp_path / "a.csv", "label,text\n" + "\n".join(more) + "\n")
    after = sides(generate(**data))
    assert set(before) == {"train", "eval", "check"}
    for split in before:
        assert before[split] == {text for text in after[split] if text.startswith("story")}
    assert 55 <= len(before["eval"]) <= 105  # 80 expected, 8 the standard deviation
    assert 22 <= len(before["check"]) <= 58


def test_keeping_another_column_moves_no_row(tmp_path: Path, generate: Generate) -> None:
    lines = [f"earn,story {i % 150},{i},{'en' if i % 3 else 'de'}" for i in range(300)]
    write(tmp_path / "a.csv", "label,text,id,language\n" + "\n".join(lines) + "\n")
    data = {"splits": {"train": "a.csv"}, "holdout": {"eval": 0.2}}
    before = sides(generate(**data))
    assert sides(generate(**data, keep=["id", "language"])) == before
    assert not before["train"] & before["eval"]  # copies with other ids are on one side


def test_raising_a_share_moves_rows_one_way(tmp_path: Path, generate: Generate) -> None:
    write(tmp_path / "a.csv", ROWS)
    few = sides(generate(splits={"train": "a.csv"}, holdout={"eval": 0.2}))
    more = sides(generate(splits={"train": "a.csv"}, holdout={"eval": 0.5}))
    assert few["eval"] < more["eval"]


def test_a_partition_key_keeps_a_customer_on_one_side(tmp_path: Path, generate: Generate) -> None:
    lines = [f"earn,story {i},customer {i % 50}" for i in range(500)]
    write(tmp_path / "a.csv", "label,text,who\n" + "\n".join(lines) + "\n")
    examples = generate(splits={"train": "a.csv"}, holdout={"eval": 0.3, "by": "who"})
    customers = sides(examples, "who")
    assert len(customers["train"]) + len(customers["eval"]) == 50
    assert not customers["train"] & customers["eval"]
    assert 5 <= len(customers["eval"]) <= 25


def test_ten_percent_are_held_out_by_default(tmp_path: Path, generate: Generate) -> None:
    write(tmp_path / "a.csv", "label,text\n" + "".join(f"earn,story {i}\n" for i in range(1000)))
    examples = generate(splits={"train": "a.csv"})
    assert examples.ingestion().rows["train"] + examples.ingestion().rows["eval"] == 1000
    assert 70 <= examples.ingestion().rows["eval"] <= 130


# Formats


def test_formats_agree_on_content(tmp_path: Path, generate: Generate) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = [{"label": f"l{i % 3}", "text": f"naïve 文 {i}\nline"} for i in range(30)]
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["label", "text"])
        writer.writeheader()
        writer.writerows(table)
    write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in table))
    pq.write_table(pa.Table.from_pylist(table), tmp_path / "a.parquet", row_group_size=7)
    write(tmp_path / "a.csv.gz", gzip.compress((tmp_path / "a.csv").read_bytes()))
    found = []
    for format, name in [("csv", "a.csv"), ("csv", "a.csv.gz"), ("jsonl", "a.jsonl"), ("parquet", "a.parquet")]:
        examples = generate(format=format, splits={"train": name}, holdout={"eval": 0.3})
        found.append({s: [(r["label"], r["text"]) for r in rows(examples, s)] for s in ("train", "eval")})
    assert sum(len(split) for split in found[0].values()) == 30
    assert found[0] == found[1] == found[2] == found[3]


def test_windows_line_ends_say_the_same(tmp_path: Path, generate: Generate) -> None:
    unix = 'label,text\nearn,"one\ntwo"\nacq,"say ""x""\n"\nearn,plain\n'
    examples = [alone(text, tmp_path, generate) for text in (unix, unix.replace("\n", "\r\n"), "\ufeff" + unix)]
    assert rows(examples[0]) == rows(examples[1]) == rows(examples[2])
    assert [row["_source"] for row in rows(examples[0])] == ["a.csv:2", "a.csv:4", "a.csv:6"]


def test_files_without_a_header_and_another_delimiter(tmp_path: Path, generate: Generate) -> None:
    write(tmp_path / "a.tsv", "earn\tx, y\nacq\tz")
    write(tmp_path / "e.tsv", "earn\te\n")
    examples = generate(splits={"train": "a.tsv", "eval": "e.tsv"}, delimiter="\t", columns=["label", "text"])
    assert [(row["label"], row["text"], row["_source"]) for row in rows(examples)] == [
        ("earn", "x, y", "a.tsv:1"),
        ("acq", "z", "a.tsv:2"),
    ]


def test_jsonl_keeps_natural_types_and_counts_the_rest(tmp_path: Path, generate: Generate) -> None:
    lines = [
        '{"text": "a", "label": 3, "size": 1, "vip": true}',
        "",
        '{"text": "b", "label": "x", "size": 2.5}',
        '{"text": 12, "label": "x"}',
        '{"text": "c", "label": null}',
        '{"label": "x"}',
        '{"text": "d", "label": "x"',
        "[1]",
        '{"text": "\\ud800 end", "label": "x"}',
    ]
    write(tmp_path / "a.jsonl", "\n".join(lines))
    write(tmp_path / "e.jsonl", '{"text": "a", "label": "x", "size": 1, "vip": false}')
    splits = {"train": "a.jsonl", "eval": "e.jsonl"}
    examples = generate(format="jsonl", splits=splits, keep=["size", "vip"])
    assert rows(examples) == [
        {"text": "a", "label": "3", "size": 1.0, "vip": 1, "_source": "a.jsonl:1"},
        {"text": "b", "label": "x", "size": 2.5, "_source": "a.jsonl:3"},
        {"text": "12", "label": "x", "_source": "a.jsonl:4"},
        {"label": "x", "_source": "a.jsonl:6"},
        {"text": "\ufffd\ufffd\ufffd end", "label": "x", "_source": "a.jsonl:9"},
    ]
    assert examples.ingestion().columns == {
        "text": "BYTES",
        "label": "BYTES",
        "size": "FLOAT",
        "vip": "INT",
        "_source": "BYTES",
    }
    assert {(d.kind, d.count, d.rows, d.dropped) for d in examples.ingestion().defects} == {
        ("wrong_type", 1, ("a.jsonl:4",), False),
        ("missing_label", 1, ("a.jsonl:5",), True),
        ("malformed_row", 2, ("a.jsonl:7", "a.jsonl:8"), True),
        ("invalid_utf8", 1, ("a.jsonl:9",), False),
    }


def test_tfrecord_plain_and_packed(tmp_path: Path, generate: Generate) -> None:
    import tensorflow as tf

    def example(**features: Any) -> bytes:
        return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()

    def words(*values: bytes) -> Any:
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))

    number = tf.train.Feature(int64_list=tf.train.Int64List(value=[-7]))
    records = [example(text=words(b"a"), label=number), b"\xff\xff", example(text=words(), label=words(b"x"))]
    for name, kind in (("a.tfrecord", ""), ("a.tfrecord.gz", "GZIP")):
        with tf.io.TFRecordWriter(str(tmp_path / name), kind) as writer:
            for record in records:
                writer.write(record)
        examples = generate(format="tfrecord", splits={"train": name, "eval": name})
        assert rows(examples) == [
            {"text": "a", "label": "-7", "_source": f"{name}:1"},
            {"label": "x", "_source": f"{name}:3"},
        ]
        assert [(d.kind, d.rows) for d in examples.ingestion().defects] == [("malformed_row", (f"{name}:2",))] * 2


def test_a_regression_label_is_a_finite_number(tmp_path: Path, generate: Generate) -> None:
    content = "label,text\n 3.5 ,a\n,b\nnan,c\n1e39,d\nhigh,e\n-2,f\n1_0,g\n"
    write(tmp_path / "a.csv", content)
    write(tmp_path / "e.csv", "label,text\n1,e\n")
    examples = generate("regression", splits={"train": "a.csv", "eval": "e.csv"})
    assert [(row["label"], row["text"]) for row in rows(examples)] == [(3.5, "a"), (-2.0, "f")]
    assert examples.ingestion().columns["label"] == "FLOAT"
    assert [(d.kind, d.rows) for d in examples.ingestion().defects] == [
        ("malformed_row", ("a.csv:4", "a.csv:5", "a.csv:6", "a.csv:8")),
        ("missing_label", ("a.csv:3",)),
    ]


# Defects: counted, with file and line


def test_ragged_rows_are_left_out(tmp_path: Path, generate: Generate) -> None:
    examples = alone("label,text\nearn,a,b\nacq\nearn,fine\n", tmp_path, generate)
    assert [row["text"] for row in rows(examples)] == ["fine"]
    assert only_defect(examples) == Defect(
        kind="ragged_row", split="train", count=2, rows=("a.csv:2", "a.csv:3"), dropped=True
    )


def test_invalid_utf8_is_replaced(tmp_path: Path, generate: Generate) -> None:
    examples = alone(b'label,text\nearn,"caf\xe9\n"\n\xffacq,x\nearn,caf\xc3\xa9\n', tmp_path, generate)
    assert [(row["label"], row["text"]) for row in rows(examples)] == [
        ("earn", "caf\ufffd\n"),
        ("\ufffdacq", "x"),
        ("earn", "café"),
    ]
    assert only_defect(examples) == Defect(kind="invalid_utf8", split="train", count=2, rows=("a.csv:2", "a.csv:4"))


def test_a_nul_is_kept_and_counted(tmp_path: Path, generate: Generate) -> None:
    examples = alone(b"label,text\nearn,a\0b\n", tmp_path, generate)
    assert rows(examples)[0]["text"] == "a\0b"
    assert only_defect(examples) == Defect(kind="nul_byte", split="train", count=1, rows=("a.csv:2",))


def test_a_missing_label_leaves_the_row_out(tmp_path: Path, generate: Generate) -> None:
    examples = alone('label,text\n,a\n" ",b\nearn,c\n"ea\nrn",d\n', tmp_path, generate)
    assert [row["text"] for row in rows(examples)] == ["c"]
    assert [(d.kind, d.rows, d.dropped) for d in examples.ingestion().defects] == [
        ("malformed_row", ("a.csv:5",), True),
        ("missing_label", ("a.csv:2", "a.csv:3"), True),
    ]


def test_ten_origins_are_kept_over_all_files(tmp_path: Path, generate: Generate) -> None:
    for name in ("a.csv", "b.csv", "c.csv"):
        write(tmp_path / name, "label,text\nearn,ok\n" + "ragged\n" * 6)
    write(tmp_path / "eval.csv", "label,text\nearn,e\n")
    defect = only_defect(generate(splits={"train": "[abc].csv", "eval": "eval.csv"}))
    assert defect.count == 18
    assert defect.rows == tuple([f"a.csv:{i}" for i in range(3, 9)] + [f"b.csv:{i}" for i in range(3, 7)])


def test_a_large_csv_is_read_in_parts_that_say_the_same(
    tmp_path: Path, generate: Generate, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = "earn\nearn,\xff\n,no label\n"
    content = "label,text\n" + "".join(f'earn,"number\n{i}"\n{bad if i % 9 == 0 else ""}' for i in range(100))
    whole = alone(content.encode("latin-1"), tmp_path, generate)
    monkeypatch.setattr(csv_parts, "PART_BYTES", 512)

    parts = alone(content.encode("latin-1"), tmp_path, generate)

    assert len(parts.shards("train")) == 4
    assert rows(parts) == rows(whole)
    assert rows(parts)[-1]["_source"] == "a.csv:236"
    assert parts.ingestion().defects == whole.ingestion().defects
    assert {defect.kind: defect.count for defect in parts.ingestion().defects} == {
        "ragged_row": 12,
        "invalid_utf8": 12,
        "missing_label": 12,
    }
    assert parts.ingestion().defects[0].rows[-1] == "a.csv:194"
    assert parts.ingestion().rows == whole.ingestion().rows


def test_a_large_csv_with_a_stray_quote_is_read_as_one(
    tmp_path: Path, generate: Generate, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = 'label,text\nearn,5" screen\n' + "".join(f'earn,"number\n{i}"\n' for i in range(100))
    whole = alone(content, tmp_path, generate)
    monkeypatch.setattr(csv_parts, "PART_BYTES", 512)

    found = alone(content, tmp_path, generate)

    assert [path.read_bytes() for path in found.shards("train")] == [
        path.read_bytes() for path in whole.shards("train")
    ]
    assert len(rows(found)) == 101
    assert not list(found.uri.rglob(".0*"))


def test_a_quote_that_is_never_closed_is_told_of_a_large_csv_too(
    tmp_path: Path, generate: Generate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_parts, "PART_BYTES", 512)
    content = "label,text\n" + "earn,a text\n" * 100 + 'earn,"open\n' + "earn,a text\n" * 100

    with pytest.raises(DataError, match=r"a\.csv:102: a quoted field begins in this row and is never closed"):
        alone(content, tmp_path, generate)


def test_a_field_of_many_megabytes(tmp_path: Path, generate: Generate) -> None:
    long = "many words, " * 400_000
    examples = alone(f'label,text\nearn,"{long}"\nacq,short\n', tmp_path, generate)
    assert [len(row["text"]) for row in rows(examples)] == [len(long), 5]


# Bad input: the message says what and where, the exit code is 2, nothing is left behind

LISTED = "Columns found: `label`, `txt`."
BAD_CSV: list[tuple[str, str | bytes, str]] = [
    (
        "no column",
        "label,txt\nearn,x\n",
        f"`a.csv` has no column `text`, which `data.features` names. {LISTED} Did you mean `txt`? Bring it back, or"
        " change the pipeline file.",
    ),
    ("empty", "", "`a.csv` (split `train`) is empty. Put rows into it, or take it out of `splits`."),
    ("header only", "label,text\n", "Split `train` has no rows: `a.csv` has a header at most. Put rows into it."),
    (
        "twice",
        "text,label,text\na,b,c\n",
        "`a.csv` names the column `text` more than once (fields 1, 3). Rename all but one.",
    ),
    (
        "open quote",
        'label,text\nearn,a\n\nacq,"b\nc,d\n',
        "a.csv:4: a quoted field begins in this row and is never closed; it takes in the rest of the file. "
        "Close the quote, or double it if it belongs to the text.",
    ),
    (
        "utf-16",
        "label,text\nearn,x\n".encode("utf-16"),
        "`a.csv` is UTF-16; save it as UTF-8 (`iconv -f UTF-16 -t UTF-8`).",
    ),
    (
        "all dropped",
        "label,text\n,a\nb\n",
        "No row of split `train` could be kept: missing_label 1 (first a.csv:2), ragged_row 1 (first a.csv:3). "
        "Received: 2 rows",
    ),
    (
        "too long",
        b'label,text\nearn,"' + b"x" * (65 << 20) + b'"\n',
        "a.csv:2: a field is longer than 64 MiB, the most that is read. "
        "Split it up, or look for a quote that is never closed.",
    ),
]


@pytest.mark.parametrize(("content", "message"), [case[1:] for case in BAD_CSV], ids=[case[0] for case in BAD_CSV])
def test_a_csv_that_cannot_be_read(content: str | bytes, message: str, tmp_path: Path, generate: Generate) -> None:
    with pytest.raises(DataError) as error:
        alone(content, tmp_path, generate)
    assert str(error.value) == message
    assert error.value.exit_code == 2
    assert list((tmp_path / "examples-0").iterdir()) == []


@pytest.mark.parametrize(
    ("format", "content", "message"),
    [
        ("jsonl", b"", "`a` (split `train`) is empty. Put rows into it, or take it out of `splits`."),
        (
            "jsonl",
            b"label,text\nearn,x\n",
            "`a` has no JSON object in its first 100 lines. "
            'Format `jsonl` is one object a line, such as {"text": "...", "label": "..."}.',
        ),
        (
            "parquet",
            b"label,text\nearn,x\n",
            "`a` is not a sound parquet file (Parquet magic bytes not found in footer. "
            "Either the file is corrupted or this is not a parquet file.). Write it again.",
        ),
        ("tfrecord", b"12345678", "`a` is not a sound TFRecord file: record 1 is cut off. Write it again."),
        (
            "tfrecord",
            b"label,text\nearn,x\n",
            "`a` is not a sound TFRecord file: record 1 has a damaged length. Write it again.",
        ),
    ],
)
def test_a_file_of_another_kind(format: str, content: bytes, message: str, tmp_path: Path, generate: Generate) -> None:
    write(tmp_path / "a", content)
    with pytest.raises(DataError) as error:
        generate(format=format, splits={"train": "a", "eval": "a"})
    assert str(error.value) == message


def test_a_truncated_tfrecord_and_gzip(tmp_path: Path, generate: Generate) -> None:
    write(tmp_path / "rows.csv", ROWS)
    shard = generate(splits={"train": "rows.csv"}, holdout={"eval": 0.2}).shards("train")[0].read_bytes()
    write(tmp_path / "cut.tfrecord", shard[:-5])
    write(tmp_path / "flipped.tfrecord", shard[:20] + bytes([shard[20] ^ 1]) + shard[21:])
    write(tmp_path / "cut.csv.gz", gzip.compress(ROWS.encode())[:-20])
    for format, name, reason in [
        ("tfrecord", "cut.tfrecord", r"is not a sound TFRecord file: record \d+ is cut off"),
        ("tfrecord", "flipped.tfrecord", r"is not a sound TFRecord file: record 1 does not match its checksum"),
        ("csv", "cut.csv.gz", r"is not a sound gzip file \(Compressed file ended"),
    ]:
        with pytest.raises(DataError, match=reason):
            generate(format=format, splits={"train": name, "eval": name})


def test_nothing_matches(tmp_path: Path, generate: Generate) -> None:
    write(tmp_path / "data" / "train.csv", ROWS)
    with pytest.raises(DataError) as error:
        generate(splits={"train": "data/trian.csv"})
    assert str(error.value) == (
        f"`data.splits.train` matches no file. Received: 'data/trian.csv', looked for in {tmp_path}. "
        "Did you mean `data/train.csv`?"
    )


def test_a_folder_is_not_a_file(tmp_path: Path, generate: Generate) -> None:
    write(tmp_path / "data" / "train.csv", ROWS)
    with pytest.raises(DataError) as error:
        generate(splits={"train": "data/"})
    assert str(error.value) == (
        "`data.splits.train` must name files. Received: 'data/', a folder. Did you mean `data/*`?"
    )


def test_permission_denied(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS)
    path.chmod(0)
    with pytest.raises(DataError) as error, not_as_root():
        CsvReader().probe(Source("train", str(path), "a.csv"))
    assert str(error.value) == "`a.csv` cannot be read: permission denied. Make it readable for this user."


@contextmanager
def not_as_root() -> Iterator[None]:
    """Root may read everything, so for a moment root is somebody else."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_a_disk_that_takes_no_more(tmp_path: Path, generate: Generate) -> None:
    write(tmp_path / "a.csv", "label,text\nearn," + "x" * 3_000_000 + "\nacq,y\n")
    write(tmp_path / "e.csv", "label,text\nearn,x\n")
    generate(splits={"train": "e.csv", "eval": "e.csv"})  # whatever is written once a process has been
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limit[1]))
    try:
        with pytest.raises(TrainworksError) as error:
            generate(splits={"train": "a.csv", "eval": "e.csv"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert str(error.value) == (
        "The examples of `a.csv` could not be written: File too large. "
        "Free some space, or put the workspace where there is more."
    )
    assert error.value.exit_code == 1
    assert list((tmp_path / "examples-1").iterdir()) == []


def test_long_work_moves_a_bar(tmp_path: Path) -> None:
    moved: list[int] = []

    class Bar:
        def advance(self, steps: int = 1, **shown: float) -> None:
            moved.append(steps)

    with watched(Bar(), tmp_path, total=3):
        write(tmp_path / "Split-train" / ".part", bytes(2 << 20))
        deadline = time.monotonic() + 20
        while not moved and time.monotonic() < deadline:
            time.sleep(0.05)
    assert moved == [2]


def test_a_holdout_that_comes_out_empty(tmp_path: Path, generate: Generate) -> None:
    write(tmp_path / "a.csv", "label,text\nearn,a\n")
    with pytest.raises(DataError) as error:
        generate(splits={"train": "a.csv"}, holdout={"eval": 0.01})
    assert str(error.value) == (
        "Split `eval`, 1% of the 1 rows of `train`, came out empty. "
        "Add rows, change `data.holdout`, or give `eval` files of its own in `data.splits`."
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"splits": {"train": "a.csv", "test": "a.csv"}, "holdout": {"test": 0.2}}, "already gives"),
        ({"splits": {"train": "a.csv", "../x": "a.csv"}}, "A split's name must consist of"),
        ({"splits": {"train": "a.csv"}, "delimiter": "§"}, "`data.delimiter` must be one ASCII character"),
        ({"splits": {"train": "a.csv"}, "keep": ["_source"]}, "may not name a column `_source`"),
    ],
)
def test_settings_that_do_not_go_together(
    data: dict[str, Any], message: str, tmp_path: Path, generate: Generate
) -> None:
    write(tmp_path / "a.csv", ROWS)
    with pytest.raises(ConfigError, match=message):
        generate(**data)


def labels_of(examples: Examples) -> list[list[str]]:
    import tensorflow as tf

    records = tf.data.TFRecordDataset([str(path) for path in examples.shards("train")]).as_numpy_iterator()
    found = [tf.train.Example.FromString(record).features.feature["label"].bytes_list.value for record in records]
    return [[label.decode() for label in labels] for labels in found]


def test_several_labels_of_every_format(tmp_path: Path, generate: Generate) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    lists = [["b", "a"], [], ["c|d"], ["a"]]
    lines = [json.dumps({"text": "t", "label": labels}) for labels in [*lists, "x|y", None]]
    write(tmp_path / "a.jsonl", "\n".join(lines))
    pq.write_table(pa.table({"text": ["t"] * 4, "label": lists}), tmp_path / "a.parquet")
    write(tmp_path / "a.csv", "text,label\nt,b; a\nt,\nt,c|d\nt,a\n")
    sides = {"task": "multi-label"}
    jsonl = generate(format="jsonl", splits={"train": "a.jsonl", "eval": "a.jsonl"}, **sides)
    assert labels_of(jsonl) == [["a", "b"], [], ["c|d"], ["a"], ["x", "y"]]
    assert [(defect.kind, defect.count) for defect in jsonl.ingestion().defects] == [("missing_label", 1)] * 2
    parquet = generate(format="parquet", splits={"train": "a.parquet", "eval": "a.parquet"}, **sides)
    assert labels_of(parquet) == [["a", "b"], [], ["c|d"], ["a"]]
    csv_ = generate(splits={"train": "a.csv", "eval": "a.csv"}, label_separator=";", **sides)
    assert labels_of(csv_) == [["a", "b"], [], ["c|d"], ["a"]]


def test_texts_alone_need_no_label(generate: Generate, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,year\n" + "".join(f"story {i},19{i % 10}0\n" for i in range(60)))
    holdout = {"eval": 0.3, "from": "train"}
    data = {"label": None, "splits": {"train": "a.csv"}, "holdout": holdout, "keep": ["year"]}
    examples = generate("pretraining", **data)
    found = rows(examples) + rows(examples, "eval")
    assert len(found) == 60 and {frozenset(row) for row in found} == {frozenset({"text", "year", "_source"})}
    assert 8 < len(rows(examples, "eval")) < 30
    assert "label" not in examples.ingestion().columns
