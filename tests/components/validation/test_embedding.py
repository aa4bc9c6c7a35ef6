"""Today's texts against those that passed last, by the vectors of a real SavedModel."""

import random
from pathlib import Path
from typing import Any

import pytest

from components.transforms.embeddings import Sampled
from components.validation.embedding import embedding_check
from components.validation.inspection import Check
from schemas.artifacts import Model
from schemas.verdict import RuleVerdict, Verdict
from tests.components.infra.models import export, length


def embedding_model(folder: Path) -> Path:
    """A SavedModel whose vectors are shares of letters: `e`, `a` and `x`."""
    import tensorflow as tf

    class Letters(tf.Module):
        @tf.function(autograph=False, input_signature=[tf.TensorSpec((None,), tf.string, "text")])
        def embed(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
            size = tf.cast(tf.strings.length(text) + 1, tf.float32)
            left = [tf.strings.length(tf.strings.regex_replace(text, letter, "")) for letter in "eax"]
            return {"embedding": 1 - tf.stack([tf.cast(one, tf.float32) / size for one in left], axis=1)}

    model = Letters()
    tf.saved_model.save(model, str(folder), signatures={"embed": model.embed})
    return folder


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> Model:
    model = Model(tmp_path_factory.mktemp("champion"))
    embedding_model(model.serving)
    return model


def texts(seed: int, letters: str, count: int = 120) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    return [
        {"text": "".join(draw.choices(letters, k=draw.randint(20, 60))), "label": "ab"[n % 2]} for n in range(count)
    ]


def _judged(steps: Any, champion: Model | None, before: Any, rows: list[dict[str, Any]], **rule: Any) -> RuleVerdict:
    examples = steps.examples({"train": rows})
    statistics = steps.statistics(examples)
    anomalies = steps.anomalies(
        examples,
        statistics,
        steps.schema(statistics),
        previous_examples=before,
        champion=champion,
        features={"text": "text"},
        rules={"embedding_drift": rule},
    )
    (found,) = (verdict for verdict in Verdict.load(anomalies.uri).rules if verdict.rule == "embedding_drift")
    return found


def test_other_texts_are_told_and_like_ones_are_not(steps: Any, champion: Model) -> None:
    before = steps.examples({"train": texts(1, "eaxtr ")})
    same = _judged(steps, champion, before, texts(2, "eaxtr "))
    assert (same.verdict, same.severity) == ("passed", "warning")
    assert same.found.startswith("train: vectors 0.0")
    assert same.expected == (
        "energy distance between the vectors of `train` and the data that passed last: at most 0.02"
    )
    other = _judged(steps, champion, before, texts(3, "eaxxxtr "), severity="error", at_most=0.03)
    assert (other.verdict, other.severity) == ("failed", "error")
    assert other.found.startswith("train: vectors 0.4")
    assert "of 120 and 120 examples. Texts or pictures are others" in other.found


def test_why_there_is_nothing_to_compare(steps: Any, champion: Model, tmp_path: Path) -> None:
    before, today = steps.examples({"train": texts(1, "eax")}), texts(2, "eax")
    voiceless = Model(tmp_path / "model")
    export(voiceless.serving, length)
    told = [
        _judged(steps, champion, None, today).expected,
        _judged(steps, None, before, today).expected,
        _judged(steps, voiceless, before, today).expected,
        _judged(steps, champion, steps.examples({"train": texts(1, "eax", 7)}), today).expected,
    ]
    assert [text.partition("skipped: ")[2] for text in told] == [
        "no data has passed before",
        "no model has been blessed before",
        f"the model in {voiceless.serving} has no signature `embed`",
        "there are but 7 and 120 vectors, of 20 at least",
    ]


def test_a_model_of_other_inputs_is_not_asked(steps: Any, champion: Model) -> None:
    examples = steps.examples({"train": texts(1, "eax", 30)})
    sampled = Sampled(examples.shards("train"), examples.ingestion().columns)
    found = embedding_check("x", champion.serving, {"body": "text"}, before=sampled, now=sampled, sample=30)
    assert found == f"the model in {champion.serving} has other inputs than `data.features`: they differ in `body`"


def test_a_sample_is_the_same_whatever_the_order_of_the_shards(steps: Any, champion: Model) -> None:
    rows = texts(1, "eaxtr ")
    one, several = (steps.examples({"train": rows}, shards=shards) for shards in (1, 3))
    samples = [Sampled(e.shards("train"), e.ingestion().columns) for e in (one, several)]
    assert samples[0].records(50) == samples[1].records(50)
    features = {"text": "text"}
    found = embedding_check("x", champion.serving, features, before=samples[0], now=samples[1], sample=50)
    assert isinstance(found, Check)
    assert found.measured is not None and found.measured.value == pytest.approx(0.0, abs=1e-6)


def test_pictures(steps: Any, tmp_path: Path) -> None:
    """Encoded pictures are asked as they are: dark ones are like other dark ones, and unlike bright ones."""
    import numpy as np
    import tensorflow as tf

    class Brightness(tf.Module):
        @tf.function(autograph=False, input_signature=[tf.TensorSpec((None,), tf.string, "image")])
        def embed(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
            pixels = tf.map_fn(lambda one: tf.io.decode_png(one, 3), image, fn_output_signature=tf.uint8)
            return {"embedding": tf.reduce_mean(tf.cast(pixels, tf.float32) / 255, axis=(1, 2))}

    def pictures(seed: int, brightest: int) -> Sampled:
        random_pixels = np.random.default_rng(seed)
        made = [random_pixels.integers(0, brightest, (4, 4, 3), np.uint8) for _ in range(100)]
        rows = [{"file": tf.io.encode_png(one).numpy(), "label": "ab"[n % 2]} for n, one in enumerate(made)]
        examples = steps.examples({"train": rows}, {"file": "BYTES", "label": "BYTES"})
        return Sampled(examples.shards("train"), examples.ingestion().columns)

    model = Brightness()
    tf.saved_model.save(model, str(tmp_path), signatures={"embed": model.embed})
    before, dark, bright = pictures(1, 100), pictures(2, 100), pictures(3, 255)
    same, other = (
        embedding_check("x", tmp_path, {"image": "file"}, before=before, now=now, sample=100) for now in (dark, bright)
    )
    assert isinstance(same, Check) and isinstance(other, Check) and same.measured and other.measured
    assert same.measured.value < 0.02
    assert other.measured.value > 0.3
