"""Explanations of a small network that was exported as families' are."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli.explain import command
from pipeline.explanation import Explanation, Word, explanations
from pipeline.explanation_page import page
from pipeline.prediction import Prediction, SavedModel
from schemas.errors import ConfigError
from tests.serving.clients import serve

if TYPE_CHECKING:
    import keras

    from models.analyzer import Facts
    from models.family import Family

TEXT = "Unaffable <b>cats</b> \u4e2d\u6587"


PAIR = {"question": "Unaffable <b>cats</b>", "answer": "cats \u4e2d\u6587"}
"""In the order that a person gives them in, which is not that of the alphabet."""


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny encoder of word pieces at random, exported."""
    return encoder(tmp_path_factory.mktemp("bert"), ("text",))


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of pairs of texts."""
    return encoder(tmp_path_factory.mktemp("pairs"), tuple(PAIR))


@pytest.fixture(scope="session")
def linear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sum of n-grams, whose weights are known, exported."""
    import numpy as np

    from models.linear import Linear, LinearHyperparameters

    family = Linear(LinearHyperparameters(), ("text",))
    facts: Facts = {"ngrams": ["cats", "dogs", "cats sleep"], "idf": np.ones(3, np.float32)}
    network = family.network(facts, 2)
    network.set_weights([np.array([[0, 0], [1, 0], [-2, 0], [4, 0]]), np.array([0.5, 0.0])])
    return written(tmp_path_factory.mktemp("linear"), family, network, facts)


def encoder(folder: Path, features: tuple[str, ...]) -> Path:
    import keras

    from models.bert import Bert, BertHyperparameters
    from models.text.wordpieces import SPECIAL

    family = Bert(BertHyperparameters(size="tiny"), features)
    facts = {"vocabulary": [*SPECIAL, "una", "##ffa", "##ble", "cats", "b", "<", ">", "/", "\u4e2d"], "lower_case": 1}
    keras.utils.set_random_seed(2)
    return written(folder, family, family.network(facts, 2), facts)


def written(folder: Path, family: "Family", network: "keras.Model", facts: "Facts") -> Path:
    from models.export.saved_model import export
    from models.tasks import Classification
    from schemas.artifacts import Model

    model = Model(folder)
    export(
        network,
        family.preprocess(facts),
        task=Classification(["yes", "no"]),
        features={name: name for name in family.features},
        columns=dict.fromkeys(family.features, "BYTES"),
        model=model,
    )
    return model.uri


@pytest.fixture
def length(tmp_path: Path) -> Path:
    """Somebody else's model, which does not explain itself."""
    import tensorflow as tf

    class Length(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
        def serve(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"prediction": tf.strings.length(text)}

    module = Length()
    tf.saved_model.save(module, str(tmp_path), signatures=module.serve)
    return tmp_path


def ask(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_pieces_of_a_word_are_one(bert: Path) -> None:
    (found,) = explanations(SavedModel(bert), [{"text": TEXT}], steps=20)
    assert [word.text for word in found.words] == [
        "Unaffable",
        "<",
        "b",
        ">",
        "cats",
        "<",
        "/",
        "b",
        ">",
        "\u4e2d",
        "\u6587",
    ]
    assert all(TEXT[word.start : word.end] == word.text for word in found.words)
    assert found.prediction == SavedModel(bert).predict([{"text": TEXT}])[0]
    assert found.explained != found.baseline


def test_a_word_of_a_pair_stands_in_its_own_text(pairs: Path) -> None:
    (found,) = explanations(SavedModel(pairs), [PAIR], steps=20)
    words = {name: [word.text for word in found.words_of(name)] for name in PAIR}
    assert words["question"] == ["Unaffable", "<", "b", ">", "cats", "<", "/", "b", ">"]
    assert words["answer"] == ["cats", "\u4e2d", "\u6587"]
    assert all(PAIR[word.feature][word.start : word.end] == word.text for word in found.words)
    assert found.prediction == SavedModel(pairs).predict([PAIR])[0]
    assert found.explained != found.baseline and "for texts that say nothing" in found.balance


def test_the_same_word_counts_together() -> None:
    words = (Word("a", 0, 1, 0.5, "text"), Word("b", 2, 3, -0.7, "text"), Word("a", 4, 5, 0.4, "text"))
    found = Explanation({"text": "a b a"}, Prediction({}), words)
    assert [(word.text, round(word.attribution, 6)) for word in found.strongest(2)] == [("a", 0.9), ("b", -0.7)]


def test_the_same_word_of_two_texts_counts_apart() -> None:
    words = (Word("a", 0, 1, 0.5, "one"), Word("a", 0, 1, -0.7, "two"))
    found = Explanation({"one": "a", "two": "a"}, Prediction({}), words)
    assert [(word.feature, word.attribution) for word in found.strongest(2)] == [("two", -0.7), ("one", 0.5)]


def test_what_is_not_accounted_for_is_told_apart() -> None:
    words = (Word("a", 0, 1, 0.5, "text"), Word("b", 2, 3, -0.25, "text"))
    found = Explanation({"text": "a b"}, Prediction({}), words, explained=2.0, baseline=1.0, elsewhere=0.5)
    assert [found.strength(word) for word in words] == [1.0, -0.5]
    assert "words add +0.250 and what is no word +0.500, to +2.000" in found.balance
    assert "+0.250 is not accounted for" in found.balance


def test_a_picture_s_page_holds_the_file_and_the_heat_over_it(tmp_path: Path) -> None:
    import base64
    import re

    import tensorflow as tf

    picture = tmp_path / "cat & dog.png"
    content = tf.io.encode_png(tf.zeros((4, 6, 3), tf.uint8)).numpy()
    picture.write_bytes(content)
    written = page(
        [Explanation({"image": str(picture)}, Prediction({"prediction": 0.5}), heat_map=((0.0, 1.0), (0.5, 0.0)))],
        top=1,
    )
    shown, heat = (base64.b64decode(data) for data in re.findall(r'src="data:image/png;base64,([^"]+)"', written))
    assert shown == content
    assert tf.io.decode_png(heat)[..., 3].numpy().tolist() == [[0, 180], [90, 0]]
    assert "Grad-CAM" in written and "cat &amp; dog.png" in written and "prediction 0.5" in written


def test_the_command_tells_words_and_writes_a_page(bert: Path, tmp_path: Path) -> None:
    result = ask(bert, TEXT, "--steps", "5", "--top", "2", "--html", tmp_path / "page.html")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split()[0] in ("yes", "no")
    assert lines[1] == TEXT
    assert [line.split()[0][0] in "+-" for line in lines[2:4]] == [True, True]
    written = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<b>" not in written and "&lt;" in written and ">\u4e2d</mark>" in written
    assert written.count("<section>") == 1


def test_a_text_runs_nothing_in_the_page() -> None:
    text = "<script>alert(1)</script>\"'&"
    words = (Word("script", 1, 7, 1.0, "<u>"),)
    answer = Prediction({"label": "<i>", "score": 1.0}, (("<i>", 1.0),))
    written = page([Explanation({"<u>": text, "b": ""}, answer, words)], top=3)
    assert "<script" not in written and "<i>" not in written and "<u>" not in written
    assert "&lt;<mark" in written and "&#34;&#39;&amp;" in written


def test_as_json(bert: Path) -> None:
    result = ask(bert, "cats", "--steps", "30", "--json")
    found = json.loads(result.stdout)
    assert found["words"][0]["word"] == "cats" and (found["words"][0]["start"], found["words"][0]["end"]) == (0, 4)
    assert set(found["scores"]) == {"yes", "no"} and found["input"] == "cats"
    assert found["words"][0].keys() == {"word", "start", "end", "attribution"}


def test_a_pair_on_the_terminal_and_as_a_page(pairs: Path, tmp_path: Path) -> None:
    given = [f"{name}={text}" for name, text in PAIR.items()]
    result = ask(pairs, *given, "--steps", "5", "--top", "3", "--html", tmp_path / "page.html")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[1:3] == [f"question: {PAIR['question']}", f"answer: {PAIR['answer']}"]
    listed = [line.split() for line in lines[3:6]]
    assert all(words[1] in PAIR and words[2] in PAIR[words[1]] for words in listed)
    assert len({line.index(words[2], 12) for line, words in zip(lines[3:6], listed, strict=True)}) == 1
    written = (tmp_path / "page.html").read_text(encoding="utf-8")
    of_question, of_answer = written.index("<h3>question</h3>"), written.index("<h3>answer</h3>")
    assert of_question < written.index(">Unaffable</mark>") < of_answer < written.index(">\u4e2d</mark>")
    assert written.count("<section>") == 1 and written.count("<h3>") == 2
    assert '<td class="feature">' in written


def test_pairs_as_json(pairs: Path) -> None:
    given = [f"{name}={text}" for name, text in PAIR.items()]
    one, other = (json.loads(line) for line in ask(pairs, *given, *given[::-1], "--json").stdout.splitlines())
    assert one["input"] == other["input"] == PAIR
    assert one["words"][0].keys() == {"feature", "word", "start", "end", "attribution"}
    assert [word["feature"] for word in one["words"]] == ["question"] * 9 + ["answer"] * 3
    assert one["explained"] == pytest.approx(other["explained"], abs=1e-5)
    shares = json.loads(ask(pairs, *given, "--method", "rollout", "--json").stdout)
    assert shares["words"][0].keys() == {"feature", "word", "start", "end", "share"}
    assert sum(word["share"] for word in shares["words"]) + shares["elsewhere"] == pytest.approx(1.0, abs=1e-6)


def test_half_a_pair(pairs: Path) -> None:
    from pipeline.cli.main import trainworks

    result = CliRunner().invoke(trainworks, ["explain", str(pairs), "question=cats"])
    assert result.exit_code == 2
    assert "An example must have answer, question. Received: question" in result.stderr


def test_a_sum_of_terms_is_explained_to_the_last_digit(linear: Path) -> None:
    result = ask(linear, "Cats sleep", "--json")
    found = json.loads(result.stdout)
    one, both = 1 / 2**0.5, 4 / 2**0.5
    assert [word["word"] for word in found["words"]] == ["Cats", "sleep"]
    assert [word["attribution"] for word in found["words"]] == pytest.approx([one + both / 2, both / 2], abs=1e-6)
    assert (found["baseline"], found["explained"]) == pytest.approx((0.5, 0.5 + one + both), abs=1e-6)
    assert "is not accounted for" not in ask(linear, "Cats sleep").stdout


def test_a_model_without_that_signature(length: Path) -> None:
    with pytest.raises(ConfigError, match=r"for models with a signature `explain`.*which has serving_default\."):
        list(explanations(SavedModel(length), [{"text": "a"}], steps=1))


def test_a_page_in_a_folder_that_is_not_there(bert: Path, tmp_path: Path) -> None:
    from pipeline.cli.main import trainworks

    result = CliRunner().invoke(
        trainworks, ["explain", str(bert), "cats", "--html", str(tmp_path / "no" / "page.html")]
    )
    assert result.exit_code == 2
    assert "`--html` must be a file in a folder that is there" in result.stderr


def test_shares_are_told_in_percent_without_a_sign(bert: Path, tmp_path: Path) -> None:
    result = ask(bert, TEXT, "--method", "rollout", "--top", "2", "--html", tmp_path / "page.html")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[1] == TEXT and [line.split()[0][-1] for line in lines[2:4]] == ["%", "%"]
    assert "+" not in result.stdout and "Words have " in lines[4]
    written = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "attention rollout" in written and "integrated gradients" not in written
    assert "rgba(var(--share)" in written and "rgba(var(--for)" not in written and "rgba(var(--against)" not in written
    assert f'class="number">{lines[2].split()[0]}<' in written


def test_shares_are_of_words_and_of_what_is_none(bert: Path) -> None:
    found = json.loads(ask(bert, TEXT, "--method", "rollout", "--json").stdout)
    assert [word["word"] for word in found["words"]][:3] == ["Unaffable", "<", "b"]
    assert found["words"][0].keys() == {"word", "start", "end", "share"}
    shares = [word["share"] for word in found["words"]]
    assert min(*shares, found["elsewhere"]) > 0.0
    assert sum(shares) + found["elsewhere"] == pytest.approx(1.0, abs=1e-6)
    assert set(found["scores"]) == {"yes", "no"} and not found.keys() & {"explained", "baseline"}


def test_a_model_without_attention_has_no_rollout(length: Path) -> None:
    from pipeline.cli.main import trainworks

    result = CliRunner().invoke(trainworks, ["explain", str(length), "cats", "--method", "rollout"])
    assert result.exit_code == 2
    assert "`--method rollout` is for models with a signature `rollout`" in result.stderr
    assert "which has serving_default" in result.stderr


def test_rollout_takes_no_steps(bert: Path) -> None:
    from pipeline.cli.main import trainworks

    result = CliRunner().invoke(trainworks, ["explain", str(bert), "cats", "--method", "rollout", "--steps", "9"])
    assert result.exit_code == 2
    assert "`--steps` must be left out with `--method rollout`" in result.stderr


@pytest.mark.slow
def test_explanations_by_rest(bert: Path, pairs: Path, linear: Path, tmp_path: Path) -> None:
    """As TensorFlow Serving's clients ask: rows of the signature's inputs, `steps` among them."""
    folder = tmp_path / "served"
    for name, model in {"bert": bert, "pairs": pairs, "linear": linear}.items():
        shutil.copytree(model / "Format-Serving", folder / name / "1")

    def asked(name: str, signature: str, **instance: str | int) -> dict[str, Any]:
        body = {"signature_name": signature, "instances": [instance]}
        answer = served.ask("POST", f"/v1/models/{name}:predict", json.dumps(body))
        assert answer.status == 200, answer.text
        return answer.json["predictions"][0]

    with serve(tmp_path / "log", folder) as served:
        pair, single = asked("pairs", "explain", **PAIR, steps=20), asked("bert", "explain", text=TEXT, steps=20)
        shares, term = asked("pairs", "rollout", **PAIR), asked("linear", "explain", text="Cats sleep", steps=1)
        refused = served.ask(
            "POST",
            "/v1/models/pairs:predict",
            json.dumps({"signature_name": "explain", "instances": [{**PAIR, "steps": 0}]}),
        )
    assert pair["features"] == ["question"] * 13 + ["answer"] * 4
    (expected,) = explanations(SavedModel(pairs), [PAIR], steps=20)
    assert pair["explained"] == pytest.approx(expected.explained, abs=1e-5)
    assert sum(pair["attributions"]) == pytest.approx(pair["explained"] - pair["baseline"], abs=1e-3)
    assert shares["features"] == pair["features"] and sum(shares["attributions"]) == pytest.approx(1.0, abs=1e-5)
    assert single.keys() == term.keys() == pair.keys() - {"features"}
    assert sum(term["attributions"]) == pytest.approx(term["explained"] - term["baseline"], abs=1e-6)
    assert refused.status == 400 and "`steps` must be from 1 to 512" in refused.text
