"""Every task from raw files to a pushed model that predicts, through the real command line."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.pipeline.real.project import DATA, PIPELINE, ROWS, Finished, Project, as_csv, make_project

pytestmark = pytest.mark.slow

SIDE, SQUARE = 24, 8
COLORS = {"blue": (40, 40, 230), "green": (30, 200, 30), "red": (220, 30, 30)}
QUICK = {"model": {"family": "mlp"}, "training": {"epochs": 20, "augmentation": []}}


def project_of(folder: Path, task: str, csv: bytes, **sections: Any) -> Project:
    settings = {**PIPELINE, "task": task, **sections}
    settings["data"] = {**PIPELINE["data"], **sections.get("data", {})}
    return make_project(folder, settings, csv)


def asked(project: Project, *inputs: object) -> list[dict[str, Any]]:
    answered = project.trainworks("predict", "served/tickets", *inputs, "--json")
    assert answered.exit_code == 0, answered.stderr
    return [json.loads(line) for line in answered.stdout.splitlines()]


def draw(path: Path, squares: dict[str, tuple[int, int]]) -> None:
    """A picture of noise with squares of colors at some places, row and column."""
    import tensorflow as tf

    pixels = np.random.default_rng(len(path.name)).integers(60, 120, (SIDE, SIDE, 3)).astype(np.uint8)
    for color, (top, left) in squares.items():
        pixels[top : top + SQUARE, left : left + SQUARE] = COLORS[color]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tf.io.encode_png(pixels).numpy())


def places(count: int) -> list[list[int]]:
    """Where a square may begin, row and column."""
    return np.random.default_rng(7).integers(0, SIDE - SQUARE + 1, (count, 2)).tolist()


def finished(project: Project) -> Finished:
    run = project.run()
    assert run.exit_code == 0, run.stderr
    assert len(project.versions()) == 1
    return run


def test_texts_of_several_topics(tmp_path: Path) -> None:
    """Every second request is two requests in one."""
    pairs = zip(ROWS, ROWS[7:], strict=False)
    rows = [(f"{a} {b}", "|".join(sorted({x, y}))) if n % 2 else (a, x) for n, ((a, x), (b, y)) in enumerate(pairs)]
    project = project_of(tmp_path / "project", "multi-label", as_csv(rows))
    run = finished(project)
    metrics = run.told["metrics"]
    assert metrics["f1_micro"] > 0.6 and metrics["hamming_loss"] < 0.25

    (answer,) = asked(project, "I was charged twice for my subscription")
    assert set(answer["scores"]) == {"account", "billing", "delivery", "technical"}
    assert answer["labels"] == [name for name, score in sorted(answer["scores"].items()) if score > 0.5]
    assert max(answer["scores"], key=answer["scores"].get) == "billing"


def test_pictures_of_several_colors(tmp_path: Path) -> None:
    several = itertools.cycle([["red"], ["blue", "red"], [], ["blue", "green"], list(COLORS), ["green"]])
    rows = [
        (f"pictures/{number}.png", place, colors)
        for number, (place, colors) in enumerate(zip(places(420), several, strict=False))
    ]
    project = project_of(
        tmp_path / "project",
        "multi-label",
        as_csv([(file, "|".join(colors)) for file, _, colors in rows], header=("file", "colors")),
        data={"features": {"photo": "file"}, "label": "colors", "images": {}},
        **QUICK,
    )
    for file, (top, left), colors in rows:
        squares = {color: ((top + SQUARE * n) % (SIDE - SQUARE + 1), left) for n, color in enumerate(colors)}
        draw(project.folder / DATA.parent / file, squares)
    run = finished(project)
    assert run.told["metrics"]["f1_micro"] > 0.8
    shown = list((project.workspace / "tensorboard").glob("*/*/Trainer/pictures/events.out.tfevents.*"))
    assert len(shown) == 1 and 10_000 < shown[0].stat().st_size < 2_000_000

    draw(tmp_path / "new.png", {"red": (3, 12), "blue": (14, 2)})
    (answer,) = asked(project, tmp_path / "new.png")
    assert answer["labels"] == ["blue", "red"]


def test_a_square_and_where_it_is(tmp_path: Path) -> None:
    every = zip(places(600), itertools.cycle(COLORS), strict=False)
    rows = [(f"pictures/{number}.png", place, color) for number, (place, color) in enumerate(every)]
    project = project_of(
        tmp_path / "project",
        "localization",
        as_csv(
            [(file, color, left, top, left + SQUARE, top + SQUARE) for file, (top, left), color in rows],
            header=("file", "color", "x0", "y0", "x1", "y1"),
        ),
        data={
            "features": {"photo": "file"},
            "label": "color",
            "images": {},
            "box": ["x0", "y0", "x1", "y1"],
            "box_unit": "pixels",
        },
        **QUICK,
    )
    for file, place, color in rows:
        draw(project.folder / DATA.parent / file, {color: place})
    run = finished(project)
    metrics = run.told["metrics"]
    assert metrics["accuracy"] > 0.9 and metrics["mean_iou"] > 0.4

    draw(tmp_path / "new.png", {"green": (12, 4)})
    (answer,) = asked(project, tmp_path / "new.png")
    assert answer["label"] == "green"
    np.testing.assert_allclose(answer["box"], np.array([4, 12, 12, 20]) / SIDE, atol=0.12)
    shown = project.trainworks("predict", "served/tickets", tmp_path / "new.png").stdout.splitlines()
    assert shown[0].split() == ["INPUT", "BOX", "LABEL", "SCORE", "TOP"]


def test_an_encoder_learns_from_texts_and_another_pipeline_starts_from_it(tmp_path: Path) -> None:
    encoder = {"family": "bert", "size": "tiny", "vocabulary_size": 400, "sequence_length": 24}
    project = project_of(
        tmp_path / "project",
        "pretraining",
        as_csv([(text,) for text, _ in ROWS], header=("text",)),
        name="requests",
        data={"label": None},
        model=encoder,
        training={"epochs": 12, "learning_rate": 0.002},
    )
    run = project.run()
    assert run.exit_code == 0, run.stderr
    assert run.told["metrics"]["perplexity"] < 150 and 0 < run.told["metrics"]["masked_accuracy"] < 1
    assert "perplexity < frequency of each piece" in project.trainworks("show", "latest").stdout
    (version,) = (project.folder / "served" / "requests").iterdir()
    checkpoint = version / "assets.extra" / "checkpoint"
    assert {path.name for path in checkpoint.iterdir()} == {
        "config.json",
        "model.safetensors",
        "tokenizer_config.json",
        "vocab.txt",
    }
    answered = project.trainworks("predict", version, "I was charged twice for my subscription", "", "--json")
    asked, empty = (json.loads(line) for line in answered.stdout.splitlines())
    assert asked["masked_tokens"] >= 1 and asked["masked_log_loss"] > 0
    assert empty["masked_tokens"] == empty["masked_log_loss"] == 0
    embedded = project.trainworks("embed", version, "I was charged twice", "my parcel is lost", "--out", "vectors")
    assert embedded.exit_code == 0, embedded.stderr
    vectors = (project.folder / "vectors" / "vectors.tsv").read_text().splitlines()
    assert len(vectors) == 2 and len(vectors[0].split("\t")) == 128

    tuned = {**PIPELINE, "model": {"family": "bert", "weights": "served/requests", "sequence_length": 24}}
    (project.folder / "tuned.yaml").write_text(yaml.safe_dump({**tuned, "training": {"epochs": 25}}))
    (project.folder / DATA).write_bytes(as_csv(ROWS))
    told = project.trainworks("run", "tuned.yaml", "--json")
    assert told.exit_code == 0, told.stderr
    assert told.told["metrics"]["accuracy"] > 0.4
    (checkpoint / "model.safetensors").write_bytes((checkpoint / "model.safetensors").read_bytes()[:5000])
    broken = project.trainworks("run", "tuned.yaml", "--json")
    assert broken.exit_code == 2 and "cannot be used: cannot read served/requests: SafetensorError" in broken.stderr
