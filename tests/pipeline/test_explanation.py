"""Explanations of a small network that was exported as families' are."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli.explain import command
from pipeline.explanation import Explanation, Word, explanations
from pipeline.explanation_page import page
from pipeline.prediction import Prediction, SavedModel
from schemas.errors import ConfigError

TEXT = "Unaffable <b>cats</b> \u4e2d\u6587"


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny encoder of word pieces at random, exported."""
    import keras

    from models.bert import Bert, BertHyperparameters
    from models.export.saved_model import export
    from models.tasks import Classification
    from models.text.wordpieces import SPECIAL
    from schemas.artifacts import Model

    family = Bert(BertHyperparameters(size="tiny"), ("text",))
    facts = {"vocabulary": [*SPECIAL, "una", "##ffa", "##ble", "cats", "b", "<", ">", "/", "\u4e2d"], "lower_case": 1}
    keras.utils.set_random_seed(2)
    model = Model(tmp_path_factory.mktemp("bert"))
    names = {"text": "text"}
    task = Classification(["yes", "no"])
    export(
        family.network(facts, 2),
        family.preprocess(facts),
        task=task,
        features=names,
        columns={"text": "BYTES"},
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


def test_the_same_word_counts_together() -> None:
    words = (Word("a", 0, 1, 0.5), Word("b", 2, 3, -0.7), Word("a", 4, 5, 0.4))
    found = Explanation("a b a", Prediction({}), words)
    assert [(word.text, round(word.attribution, 6)) for word in found.strongest(2)] == [("a", 0.9), ("b", -0.7)]


def test_what_is_not_accounted_for_is_told_apart() -> None:
    words = (Word("a", 0, 1, 0.5), Word("b", 2, 3, -0.25))
    found = Explanation("a b", Prediction({}), words, explained=2.0, baseline=1.0, elsewhere=0.5)
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
        [Explanation(str(picture), Prediction({"prediction": 0.5}), heat_map=((0.0, 1.0), (0.5, 0.0)))], top=1
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
    words = (Word("script", 1, 7, 1.0),)
    written = page([Explanation(text, Prediction({"label": "<i>", "score": 1.0}, (("<i>", 1.0),)), words)], top=3)
    assert "<script" not in written and "<i>" not in written
    assert "&lt;<mark" in written and "&#34;&#39;&amp;" in written


def test_as_json(bert: Path) -> None:
    result = ask(bert, "cats", "--steps", "30", "--json")
    found = json.loads(result.stdout)
    assert found["words"][0]["word"] == "cats" and (found["words"][0]["start"], found["words"][0]["end"]) == (0, 4)
    assert set(found["scores"]) == {"yes", "no"} and found["input"] == "cats"


def test_a_model_without_that_signature(length: Path) -> None:
    with pytest.raises(ConfigError, match=r"must have signature `explain`. Received: serving_default"):
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
