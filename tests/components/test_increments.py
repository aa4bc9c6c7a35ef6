"""Runs that follow each other on growing data: each does what is new, and writes what a fresh run would write."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from components.component import Channel, Component
from components.example_gen import ExampleGen
from components.statistics_gen import StatisticsGen
from components.transform import Transform
from components.transforms.statistics import observe, splits
from models.analyzer import Analyzer
from models.linear import Linear
from models.text.counts import NgramFrequencies
from schemas.artifacts import Examples, ExampleStatistics, Schema, TransformGraph
from schemas.config import DataConfig
from schemas.statistics import load_statistics
from tests.components.scenes import png, resized, scene

DATA: Mapping[str, Any] = {
    "format": "csv",
    "splits": {"train": "data/*.csv"},
    "holdout": {"eval": 0.25},
    "features": {"text": "text"},
    "label": "label",
}


SCHEMA = """
feature { name: "text" type: BYTES natural_language_domain {} }
feature { name: "label" type: BYTES string_domain { value: "a" value: "b" } }
"""


def write(base: Path, name: str, seed: int, rows: int = 60) -> None:
    """A csv file of texts, among them a few that other files hold too, and a broken row."""
    chance = random.Random(seed)
    lines = [f"{' '.join(f'w{chance.randrange(200)}' for _ in range(9))},{chance.choice('ab')}" for _ in range(rows)]
    shared = [f"the same text stands here {number},{'ab'[seed % 2]}" for number in range(3)]
    path = base / "data" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(["text,label", *lines, *shared, "one,two,three"]) + "\n", encoding="utf-8")


def generate(context: Any, folder: Path, data: Mapping[str, Any] = DATA) -> Examples:
    examples = Examples(folder)
    folder.mkdir(parents=True)
    step = ExampleGen(data=DataConfig.model_validate(data), task="classification")
    step.bind({}, {"examples": examples}).run(context)
    return examples


def measure(context: Any, examples: Examples, folder: Path, **columns: Any) -> ExampleStatistics:
    statistics = ExampleStatistics(folder)
    folder.mkdir(parents=True)
    parameters = {"label": "label", "text": ("text",), **columns}
    step = StatisticsGen(examples=Channel(Component(), "made", Examples), **parameters)
    step.bind({"examples": examples}, {"statistics": statistics}).run(context)
    return statistics


def transform(context: Any, examples: Examples, folder: Path, **parameters: Any) -> tuple[TransformGraph, Examples]:
    graph, transformed = TransformGraph(folder / "graph"), Examples(folder / "examples")
    for artifact in (graph, transformed, Schema(folder / "schema")):
        artifact.uri.mkdir(parents=True)
    Schema(folder / "schema").path.write_text(SCHEMA, encoding="utf-8")
    settings = {
        "model": {"family": "lstm", "min_count": 1, "sequence_length": 9},
        "features": {"text": "text"},
        "label": "label",
        "task": "classification",
        **parameters,
    }
    promised = {"examples": Channel(Component(), "made", Examples), "schema": Channel(Component(), "made", Schema)}
    inputs = {"examples": examples, "schema": Schema(folder / "schema")}
    outputs = {"transform_graph": graph, "transformed_examples": transformed}
    Transform(**promised, **settings).bind(inputs, outputs).run(context)
    return graph, transformed


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def kept(tmp_path: Path, context: Any) -> Any:
    """A context in which results are kept from one run to the next."""
    context.kept = tmp_path / "kept"
    context.kept.mkdir()
    return context


def work_done(caplog: pytest.LogCaptureFixture, said: str) -> tuple[int, int]:
    """Shards that the last step that says so worked on, of how many."""
    (*_, last) = (record.args for record in caplog.records if record.msg.startswith(f"{said} %d of %d shards"))
    return last


def units_read(caplog: pytest.LogCaptureFixture) -> tuple[int, int]:
    """Units that the last ExampleGen read, of how many."""
    (*_, last) = (record.args for record in caplog.records if record.msg.startswith("read %d of %d units"))
    return last


def fresh(context: Any, folder: Path) -> Examples:
    """What a run gives that nothing was kept for."""
    kept, context.kept = context.kept, None
    try:
        return generate(context, folder)
    finally:
        context.kept = kept


@pytest.mark.parametrize(
    ("change", "read"),
    [
        (lambda base: None, 0),
        (lambda base: write(base, "span-3.csv", 3), 1),
        (lambda base: write(base, "span-1.csv", 9), 1),
        (lambda base: (base / "data" / "span-1.csv").unlink(), 0),
        (lambda base: (base / "data" / "span-1.csv").rename(base / "data" / "span-7.csv"), 1),
        (lambda base: write(base, "span-0.csv", 5), 1),
    ],
    ids=["nothing", "a new file", "a changed file", "one file less", "a renamed file", "a new one before the others"],
)
def test_only_what_is_new_is_read(
    change: Any, read: int, tmp_path: Path, kept: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for number in (1, 2):
        write(tmp_path, f"span-{number}.csv", number)
    generate(kept, tmp_path / "first")
    assert units_read(caplog) == (2, 2)
    change(tmp_path)
    second = generate(kept, tmp_path / "second")
    assert units_read(caplog) == (read, len(list((tmp_path / "data").iterdir())))
    assert files(second.uri) == files(fresh(kept, tmp_path / "fresh").uri)


@pytest.mark.parametrize(
    "setting",
    [
        {"holdout": {"eval": 0.5}},
        {"features": {"title": "text"}, "keep": ("label",)},
        {"label": "text", "features": {"text": "label"}},
        {"splits": {"train": "data/span-1.csv", "test": "data/span-2.csv"}},
    ],
    ids=["holdout", "another input of the same column", "label", "splits"],
)
def test_settings_count(setting: Mapping[str, Any], tmp_path: Path, kept: Any) -> None:
    for number in (1, 2):
        write(tmp_path, f"span-{number}.csv", number)
    generate(kept, tmp_path / "first")
    second = generate(kept, tmp_path / "second", {**DATA, **setting})
    kept.kept = None
    assert files(second.uri) == files(generate(kept, tmp_path / "fresh", {**DATA, **setting}).uri)


def test_other_code_reads_everything_again(tmp_path: Path, kept: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    write(tmp_path, "span-1.csv", 1)
    generate(kept, tmp_path / "first")
    kept.code = "other code"
    generate(kept, tmp_path / "second")
    assert units_read(caplog) == (1, 1)


@pytest.mark.parametrize("damage", ["cut", "gone", "nonsense", "foreign"])
def test_what_is_damaged_is_read_again(
    damage: str, tmp_path: Path, kept: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    write(tmp_path, "span-1.csv", 1)
    expected = files(generate(kept, tmp_path / "first").uri)
    (entry,) = kept.kept.iterdir()
    shard, outcome = entry / "shard-0", entry / "outcome.json"
    if damage == "cut":
        content = shard.read_bytes()
        shard.unlink()
        shard.write_bytes(content[:-1])
    elif damage == "gone":
        shard.unlink()
    elif damage == "nonsense":
        outcome.write_bytes(outcome.read_bytes()[:-9])
    else:
        outcome.write_text(outcome.read_text(encoding="utf-8").replace(entry.name, "0" * 64), encoding="utf-8")
    for name in ("second", "third"):
        assert files(generate(kept, tmp_path / name).uri) == expected
    reads = [record.args[0] for record in caplog.records if record.msg.startswith("read %d of %d units")]
    assert reads == [1, 1, 0]


def test_shards_are_taken_without_a_copy(tmp_path: Path, kept: Any) -> None:
    write(tmp_path, "span-1.csv", 1)
    first, second = (generate(kept, tmp_path / name) for name in ("first", "second"))
    for split in ("train", "eval"):
        assert first.shards(split)[0].stat().st_ino == second.shards(split)[0].stat().st_ino


def test_a_file_system_without_hard_links_gets_copies(
    tmp_path: Path, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    write(tmp_path, "span-1.csv", 1)
    first, second = (generate(kept, tmp_path / name) for name in ("first", "second"))
    assert files(first.uri) == files(second.uri)
    assert first.shards("train")[0].stat().st_ino != second.shards("train")[0].stat().st_ino


def test_a_file_that_changes_while_it_is_read_is_not_kept(
    tmp_path: Path, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "span-1.csv", 1)
    digest = kept.digest(tmp_path / "data" / "span-1.csv")

    def digest_before(path: Path) -> str:
        write(tmp_path, "span-1.csv", 2)  # somebody writes just after the digest was taken
        return digest

    monkeypatch.setattr(type(kept), "digest", lambda self, path: digest_before(path))
    generate(kept, tmp_path / "first")
    assert list(kept.kept.iterdir()) == []


def test_parts_of_a_folder_of_pictures_are_kept(
    tmp_path: Path, kept: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    data = {"format": "image-folder", "splits": {"train": "span-*"}, "holdout": {"eval": 0.3}}
    for span in (1, 2, 3):
        for seed in range(6):
            path = tmp_path / f"span-{span}" / "ab"[seed % 2] / f"{seed}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(scene(span * 10 + seed, 12)))
        if span == 2:
            (tmp_path / "span-2" / "a" / "broken.png").write_bytes(b"no picture")
        if span > 1:
            examples = generate(kept, tmp_path / f"night-{span}", data)
    assert units_read(caplog) == (1, 3)
    kept.kept = None
    assert files(examples.uri) == files(generate(kept, tmp_path / "fresh", data).uri)
    assert [defect.kind for defect in examples.ingestion().defects] == ["not_an_image"]


@pytest.mark.parametrize("partitions", [1, 7])
def test_statistics_look_at_new_shards_alone(
    partitions: int, tmp_path: Path, kept: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where rows are compared in another number of partitions, since there are more of them."""
    caplog.set_level("INFO")
    for number in (1, 2):
        write(tmp_path, f"span-{number}.csv", number)
    data = {**DATA, "keep": ("note",), "features": {"text": "text"}}
    for path in (tmp_path / "data").iterdir():
        lines = path.read_text(encoding="utf-8").splitlines()[:-1]
        path.write_text("\n".join([f"{lines[0]},note", *(f"{line},n{len(line)}" for line in lines[1:])]) + "\n")
    first = generate(kept, tmp_path / "first", {**data, "splits": {"train": "data/span-1.csv"}})
    measure(kept, first, tmp_path / "first-statistics")
    assert work_done(caplog, "looked at") == (2, 2)
    monkeypatch.setattr(splits, "_ROWS_PER_PARTITION", -(-126 // partitions))
    second = generate(kept, tmp_path / "second", data)
    found = measure(kept, second, tmp_path / "second-statistics")
    assert work_done(caplog, "looked at") == (2, 4)
    kept.kept = None
    expected = measure(kept, second, tmp_path / "fresh-statistics")
    assert work_done(caplog, "looked at") == (4, 4)
    assert files(found.uri) == files(expected.uri)
    (text,) = load_statistics(found.split_path("train")).text_features()
    assert text.texts.duplicates.count and text.texts.conflicting_labels.count


def test_statistics_of_pictures_are_kept(tmp_path: Path, kept: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    data = {"format": "image-folder", "splits": {"train": "span-*"}, "holdout": {"eval": 0.3}}
    found = []
    for span in (1, 2):
        for seed in range(8):
            path = tmp_path / f"span-{span}" / "ab"[seed % 2] / f"{seed}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(resized(scene(seed, 40), 1 + span / 4)))
        examples = generate(kept, tmp_path / f"night-{span}", data)
        found.append(measure(kept, examples, tmp_path / f"statistics-{span}", text=(), images=("path",)))
    assert work_done(caplog, "looked at") == (2, 4)
    kept.kept = None
    expected = measure(kept, examples, tmp_path / "fresh", text=(), images=("path",))
    assert files(found[1].uri) == files(expected.uri)
    assert b"nearly the same picture as span-" in b"".join(files(expected.uri).values())


def test_damaged_statistics_are_made_again(tmp_path: Path, kept: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    write(tmp_path, "span-1.csv", 1)
    examples = generate(kept, tmp_path / "examples")
    expected = files(measure(kept, examples, tmp_path / "first").uri)
    for archive in kept.kept.glob("*/observed.zip"):
        content = bytearray(archive.read_bytes())
        content[len(content) // 2] ^= 1
        archive.write_bytes(content)
    for looked_at in (2, 0):
        assert files(measure(kept, examples, tmp_path / f"looked-at-{looked_at}").uri) == expected
        assert work_done(caplog, "looked at") == (looked_at, 2)


def test_a_shard_that_cannot_be_read_is_no_matter_of_what_is_kept(
    tmp_path: Path, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "span-1.csv", 1)
    examples = generate(kept, tmp_path / "examples")
    before = sorted(kept.kept.iterdir())

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(observe, "read_batches", refuse)
    with pytest.raises(Exception, match=r"data_tfrecord-00000-of-00001 must be such as can be read.*Input/output"):
        measure(kept, examples, tmp_path / "statistics")
    assert sorted(kept.kept.iterdir()) == before


FAMILIES = {
    "words": {"family": "lstm", "min_count": 1, "sequence_length": 9},
    "pieces": {"family": "transformer", "vocabulary_size": 300},
    "n-grams": {"family": "linear", "ngrams": (1, 2), "min_documents": 1},
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("materialize", [True, False])
def test_facts_of_a_growing_window_are_those_of_a_fresh_run(
    family: str, materialize: bool, tmp_path: Path, kept: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    settings = {"model": FAMILIES[family], "materialize": materialize}
    for number in (1, 2, 3):
        write(tmp_path, f"span-{number}.csv", number, rows=300)
        if number > 1:
            examples = generate(kept, tmp_path / f"examples-{number}")
            graph, transformed = transform(kept, examples, tmp_path / f"transform-{number}", **settings)
    assert work_done(caplog, "analyzed") == (1, 3)
    assert work_done(caplog, "transformed") == ((6, 6) if materialize else (2, 6))
    kept.kept = None
    fresh_graph, fresh_examples = transform(kept, examples, tmp_path / "fresh", **settings)
    assert work_done(caplog, "analyzed") == (3, 3)
    assert files(graph.facts) == files(fresh_graph.facts)
    assert files(graph.transformed_schema.parent) == files(fresh_graph.transformed_schema.parent)
    assert files(transformed.uri) == files(fresh_examples.uri)


def test_facts_depend_on_the_hyperparameters(tmp_path: Path, kept: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    write(tmp_path, "span-1.csv", 1)
    examples = generate(kept, tmp_path / "examples")
    for number, (lengths, analyzed) in enumerate({(1, 1): 1, (1, 2): 1}.items()):
        model = {"family": "linear", "ngrams": lengths, "min_documents": 1}
        transform(kept, examples, tmp_path / f"transform-{number}", model=model)
        assert work_done(caplog, "analyzed") == (analyzed, 1)
    transform(kept, examples, tmp_path / "again", model=model, materialize=False)
    assert work_done(caplog, "analyzed") == (0, 1)


class Listed(Linear):
    """N-grams whose longest is said by a file."""

    def files_of_facts(self) -> Sequence[Path]:
        return (self.base / "longest.txt",)

    def analyzers(self) -> Sequence[Analyzer[Any]]:
        longest = int(self.files_of_facts()[0].read_text(encoding="utf-8"))
        return [NgramFrequencies(self.features, size=10_000, min_count=1, lengths=(1, longest))]


def test_facts_depend_on_the_files_of_a_family(tmp_path: Path, kept: Any) -> None:
    write(tmp_path, "span-1.csv", 1)
    examples = generate(kept, tmp_path / "examples")
    model = {"family": f"{__name__}:Listed"}
    for longest in ("1", "2"):
        (tmp_path / "longest.txt").write_text(longest, encoding="utf-8")
        graph, _ = transform(kept, examples, tmp_path / f"transform-{longest}", model=model)
    kept.kept = None
    fresh, _ = transform(kept, examples, tmp_path / "fresh", model=model)
    assert files(graph.facts) == files(fresh.facts)


@pytest.mark.parametrize(("family", "left_raw"), [("words", True), ("n-grams", False)])
def test_texts_of_spans_stay_raw_where_a_span_changes_their_inputs(
    family: str, left_raw: bool, tmp_path: Path, kept: Any
) -> None:
    write(tmp_path, "span-1.csv", 1)
    examples = generate(kept, tmp_path / "examples")
    _, transformed = transform(kept, examples, tmp_path / "spans", model=FAMILIES[family], spans=True)
    assert ("text" in transformed.ingestion().columns) is left_raw
    _, made = transform(kept, examples, tmp_path / "told", model=FAMILIES[family], spans=True, materialize=True)
    assert "text" not in made.ingestion().columns
