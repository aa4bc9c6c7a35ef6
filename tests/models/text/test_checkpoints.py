import json
import re
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import keras_hub
import numpy as np
import pytest
from safetensors.numpy import save_file

from models.text.architectures import ARCHITECTURES
from models.text.checkpoints import freeze, open_checkpoint
from schemas.errors import ConfigError
from tests.models.text.hugging_face import PIECES, last_hidden_state, write

IDS = np.array([[2, 32, 33, 3, 34, 3], [2, 36, 3, 0, 0, 0]])
SEGMENTS = np.array([[0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 0, 0]])


def asked(backbone: keras.Model) -> np.ndarray:
    padding_mask = (IDS > 0).astype(np.int32)
    return np.array(backbone({"token_ids": IDS, "segment_ids": SEGMENTS, "padding_mask": padding_mask}))


def test_a_hugging_face_folder_answers_as_the_formulas_do(tmp_path: Path) -> None:
    weights = write(tmp_path / "bert")
    checkpoint = open_checkpoint("bert", tmp_path)
    assert checkpoint.vocabulary == tuple(PIECES)
    assert checkpoint.lower_case
    hidden = asked(checkpoint.backbone(12))
    np.testing.assert_allclose(hidden[0], last_hidden_state(weights, IDS[0], SEGMENTS[0]), atol=1e-5)
    np.testing.assert_allclose(hidden[1, :3], last_hidden_state(weights, IDS[1, :3], SEGMENTS[1, :3]), atol=1e-5)


def test_what_is_saved_and_loaded_keeps_the_exact_activation(tmp_path: Path) -> None:
    write(tmp_path)
    backbone = open_checkpoint(".", tmp_path).backbone(12)
    backbone.save(tmp_path / "b.keras")
    np.testing.assert_array_equal(asked(keras.saving.load_model(tmp_path / "b.keras")), asked(backbone))


def test_an_approximate_activation_stays_so(tmp_path: Path) -> None:
    weights = write(tmp_path, hidden_act="gelu_new")
    found = asked(open_checkpoint(".", tmp_path).backbone(12))[0]
    difference = np.abs(found - last_hidden_state(weights, IDS[0], SEGMENTS[0])).max()
    assert 1e-5 < difference < 1e-2


def test_a_vocabulary_may_stand_in_tokenizer_json(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "vocab.txt").unlink()
    (tmp_path / "tokenizer_config.json").unlink()
    pieces = {piece: index for index, piece in enumerate(PIECES)}
    tokenizer = {"normalizer": {"lowercase": False}, "model": {"vocab": pieces}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    checkpoint = open_checkpoint(".", tmp_path)
    assert checkpoint.vocabulary == tuple(PIECES)
    assert not checkpoint.lower_case


@pytest.mark.parametrize("model", ["WordPiece", {"vocab": [["a", 0.5]]}, {"vocab": {"a": [0]}}, {"vocab": {"a": 1}}])
def test_a_tokenizer_without_numbered_pieces(tmp_path: Path, model: object) -> None:
    write(tmp_path)
    (tmp_path / "vocab.txt").unlink()
    (tmp_path / "tokenizer.json").write_text(json.dumps({"normalizer": "none", "model": model}), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"a WordPiece tokenizer\.json whose pieces are numbered from 0 on"):
        open_checkpoint(".", tmp_path)


def test_freezing_leaves_the_last_layers_to_learn(tmp_path: Path) -> None:
    write(tmp_path)
    backbone = open_checkpoint(".", tmp_path).backbone(12)
    freeze(backbone, 1)
    assert {weight.path.split("/")[0] for weight in backbone.trainable_weights} == {"transformer_layer_1"}
    freeze(backbone, "all")
    assert not backbone.trainable_weights
    with pytest.raises(ConfigError, match=r"as there are \(2\)\. Received: freeze=3"):
        freeze(backbone, 3)


def test_more_positions_than_there_are(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(ConfigError, match=r"at most 12, the positions that \. knows\. Received: sequence_length=13"):
        open_checkpoint(".", tmp_path).backbone(13)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "gpt2"}, r"of type bert or distilbert\. Received: \., of type gpt2"),
        ({"model_type": ["bert"]}, r"of type bert or distilbert\. Received: \., of type \['bert'\]"),
        ({"hidden_act": {}}, r"one of gelu, gelu_new, gelu_pytorch_tanh, relu\. Received: {}"),
        ({"hidden_act": "swish"}, r"one of gelu, gelu_new, gelu_pytorch_tanh, relu\. Received: swish"),
        ({"vocab_size": 3}, r"word_embeddings\.weight \(37, 16\) instead of \(3, 16\)"),
    ],
)
def test_what_is_no_encoder(tmp_path: Path, config: dict[str, object], message: str) -> None:
    write(tmp_path, **config)
    with pytest.raises(ConfigError, match=message):
        open_checkpoint(".", tmp_path)


def test_a_vocabulary_without_special_pieces(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "vocab.txt").write_text("[PAD]\na\n")
    with pytest.raises(ConfigError, match=r"lacks \[UNK\], \[CLS\], \[SEP\], \[MASK\]"):
        open_checkpoint(".", tmp_path)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"or a folder that is there\. Received: no/such"):
        open_checkpoint("no/such", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"a folder must be Hugging Face's"):
        open_checkpoint("empty", tmp_path)


@pytest.mark.parametrize("length", [4, 1000, -1])
def test_weights_that_are_cut_off(tmp_path: Path, length: int) -> None:
    write(tmp_path)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(ConfigError, match=r"cannot read \.: SafetensorError: Error while deserializing header"):
        open_checkpoint(".", tmp_path)


Change = Callable[[dict[str, np.ndarray]], object]
QUERY, MORE = "encoder.layer.0.attention.self.query.weight", np.zeros((4, 4), np.float32)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.pop(QUERY), f"Received: missing: {QUERY}"),
        (
            lambda w: w.update({"encoder.layer.2.output.dense.bias": MORE}),
            "not known: encoder.layer.2.output.dense.bias",
        ),
        (lambda w: w.update({"other.encoder.layer.0.output.dense.bias": MORE}), "not known: other.encoder.layer.0"),
        (lambda w: w.update({QUERY: w[QUERY].reshape(8, 32)}), f"another shape: {QUERY} (8, 32) instead of (16, 16)"),
    ],
)
def test_tensors_are_those_of_the_network(tmp_path: Path, change: Change, said: str) -> None:
    weights = write(tmp_path)
    change(weights)
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(ConfigError, match=re.escape(said)):
        open_checkpoint(".", tmp_path)


def test_many_that_are_missing_are_counted(tmp_path: Path) -> None:
    weights = write(tmp_path)
    save_file({name: value for name, value in weights.items() if "layer.1" not in name}, tmp_path / "model.safetensors")
    with pytest.raises(ConfigError, match=r"encoder\.layer\.1\.attention\.self\.key\.weight, .* and 11 more$"):
        open_checkpoint(".", tmp_path)


def test_heads_and_the_pooler_may_be_there_or_not(tmp_path: Path) -> None:
    """Names with a prefix, norms in old words, a head of pretraining: the same values."""
    weights = write(tmp_path)
    before = asked(open_checkpoint(".", tmp_path).backbone(12))
    old = {
        f"bert.{name}".replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for name, value in weights.items()
        if "pooler" not in name
    }
    heads = {"cls.predictions.bias": MORE, "bert.embeddings.position_ids": MORE}
    save_file(old | heads, tmp_path / "model.safetensors")
    np.testing.assert_array_equal(asked(open_checkpoint(".", tmp_path).backbone(12)), before)


def test_tensors_in_several_files(tmp_path: Path) -> None:
    weights = write(tmp_path)
    before = asked(open_checkpoint(".", tmp_path).backbone(12))
    (tmp_path / "model.safetensors").unlink()
    names = sorted(weights)
    parts = {"model-1.safetensors": names[:9], "model-2.safetensors": names[9:]}
    for file, part in parts.items():
        save_file({name: weights[name] for name in part}, tmp_path / file)
    index = tmp_path / "model.safetensors.index.json"
    places = {name: file for file, part in parts.items() for name in part}
    index.write_text(json.dumps({"weight_map": places}))
    np.testing.assert_array_equal(asked(open_checkpoint(".", tmp_path).backbone(12)), before)
    index.write_text(json.dumps({"weight_map": {**places, names[0]: "../model-1.safetensors"}}))
    with pytest.raises(ConfigError, match=r"must name files that stand beside it\. Received: \.\./model-1"):
        open_checkpoint(".", tmp_path)


def test_a_pickle_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ConfigError, match=r"pytorch_model\.bin instead, a pickle: to read it may run any code"):
        open_checkpoint(".", tmp_path)
    (tmp_path / "pytorch_model.bin").unlink()
    with pytest.raises(ConfigError, match=r"the folder must hold model\.safetensors\. Received: \., which has none"):
        open_checkpoint(".", tmp_path)


def test_a_distilled_encoder_gets_the_values_that_kerashub_gives_it(tmp_path: Path) -> None:
    """Against KerasHub's own converter."""
    sizes = {"vocab_size": len(PIECES), "dim": 16, "hidden_dim": 24, "n_layers": 2, "n_heads": 2, "dropout": 0.1}
    config = {"model_type": "distilbert", "activation": "gelu_new", "max_position_embeddings": 12, **sizes}
    write(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    draw = np.random.default_rng(3)
    shapes = ARCHITECTURES["distilbert"].shapes({**sizes, "max_position_embeddings": 12})
    values = {f"distilbert.{n}": draw.normal(size=shape).astype(np.float32) for n, shape in shapes.items()}
    save_file(values, tmp_path / "model.safetensors")
    found = open_checkpoint(".", tmp_path).backbone(12)
    theirs = keras_hub.models.Backbone.from_preset(str(tmp_path))
    inputs = {"token_ids": IDS, "padding_mask": (IDS > 0).astype(np.int32)}
    np.testing.assert_array_equal(np.array(found(inputs)), np.array(theirs(inputs)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\na\n", r"must differ\. Received: \., which has 'a' twice"),
        (b"[PAD]\n\xff\n", r"must be a text file in UTF-8, a piece a line"),
    ],
)
def test_a_vocabulary_that_is_broken(tmp_path: Path, content: bytes, said: str) -> None:
    write(tmp_path)
    (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        open_checkpoint(".", tmp_path)


def test_more_pieces_than_vectors(tmp_path: Path) -> None:
    write(tmp_path)
    with (tmp_path / "vocab.txt").open("a") as file:
        file.write("dog\n")
    with pytest.raises(ConfigError, match=r"has 38 pieces, the network 37 only\. Received: \."):
        open_checkpoint(".", tmp_path)


def test_pieces_without_numbers(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "vocab.txt").unlink()
    (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"[PAD]": 0, "a": 2}}}))
    with pytest.raises(ConfigError, match=r"whose pieces are numbered from 0 on\. Received: \."):
        open_checkpoint(".", tmp_path)


def test_a_config_without_a_number(tmp_path: Path) -> None:
    write(tmp_path, hidden_size="wide")
    with pytest.raises(ConfigError, match=r"as positive numbers\. Received: hidden_size='wide'"):
        open_checkpoint(".", tmp_path)


def test_a_preset_of_kerashub_with_an_array_too_much(tmp_path: Path) -> None:
    write(tmp_path / "hugging")
    sizes = {"vocabulary_size": len(PIECES), "num_layers": 1, "num_heads": 2, "hidden_dim": 16}
    made = keras_hub.models.BertBackbone(**sizes, intermediate_dim=24, max_sequence_length=12)
    made.save_to_preset(str(tmp_path / "preset"))
    tokenizer = keras_hub.models.BertTokenizer(vocabulary=list(PIECES), lowercase=True)
    tokenizer.save_to_preset(str(tmp_path / "preset"))
    checkpoint = open_checkpoint("preset", tmp_path)
    assert checkpoint.vocabulary == tuple(PIECES)
    assert len(checkpoint.backbone(12).weights) == len(made.weights) - 2  # without its pooler
    with h5py.File(tmp_path / "preset" / "model.weights.h5", "a") as file:
        file["more"] = MORE
    with pytest.raises(ConfigError, match=r"must hold the 23 arrays .* Received: preset, which holds 24"):
        open_checkpoint("preset", tmp_path).backbone(12)
