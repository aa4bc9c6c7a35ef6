"""Weights of one network as the start of another, with the real families."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.registry import make_family
from models.tasks import Classification, Localization, Regression, TaskHead
from models.training.warm_start import WarmStart
from models.weight_names import WeightNames
from schemas.artifacts import Model
from schemas.config import Modality, ModelConfig

LSTM: Mapping[str, Any] = {"family": "lstm", "embedding_dim": 4, "units": 3, "word_vectors": "random"}
WORDS = ["ship", "goal", "price", "match"]
PICTURES = {"image_shape": np.array([8, 8, 1]), "image_mean": np.array([9.0]), "image_std": np.array([4.0])}


@dataclass
class Trained:
    """A network, as if it had been trained, and the names of its weights."""

    network: keras.Model
    names: WeightNames

    def saved(self, folder: Path) -> Model:
        model = Model(folder)
        model.keras.parent.mkdir(parents=True)
        self.network.save(model.keras)
        self.names.save(model.weight_names)
        return model

    def array(self, path: str) -> np.ndarray:
        return next(weight.numpy() for weight in self.network.weights if weight.path == path)


def made(
    config: Mapping[str, Any],
    facts: Mapping[str, Any],
    task: TaskHead,
    *,
    seed: int = 0,
    modality: Modality = "text",
) -> Trained:
    features = ("text",) if modality == "text" else ("image",)
    family = make_family(ModelConfig.model_validate(config), features, modality, Path())
    keras.utils.set_random_seed(seed)
    network = family.network(facts, task.outputs)
    draw = np.random.default_rng(seed)
    network.set_weights([draw.normal(size=weight.shape).astype(np.float32) for weight in network.weights])
    return Trained(network, WeightNames.of(family, facts, task))


def started(champion: Model, now: Trained) -> WarmStart:
    """Starts the network from the champion, in place."""
    warm = WarmStart(champion, now.names)
    assert warm.of(lambda: now.network)() is now.network
    return warm


def test_the_same_network_takes_all(tmp_path: Path) -> None:
    task = Classification(["sport", "trade"])
    then, now = (made(LSTM, {"vocabulary": WORDS}, task, seed=seed) for seed in (1, 2))
    champion = then.saved(tmp_path / "champion")
    warm = started(champion, now)
    assert (warm.misfit, warm.told) == ("", f"training starts from the champion {champion.uri}")
    for mine, theirs in zip(now.network.get_weights(), then.network.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_words_and_labels_are_matched_by_name(tmp_path: Path) -> None:
    then = made(LSTM, {"vocabulary": WORDS}, Classification(["sport", "trade"]), seed=1)
    words = ["price", "goal", "parcel", "ship", "invoice"]
    now = made(LSTM, {"vocabulary": words}, Classification(["art", "trade", "sport"]), seed=2)
    own = {path: now.array(path).copy() for path in ("embedding/embeddings", "logits/kernel", "logits/bias")}
    warm = started(then.saved(tmp_path / "champion"), now)
    assert warm.told.endswith(", 5 of 7 rows of `embedding/embeddings`, 2 of 3 outputs")

    theirs, mine = then.array("embedding/embeddings"), now.array("embedding/embeddings")
    np.testing.assert_array_equal(mine[[0, 1]], theirs[[0, 1]])  # padding and the unknown word
    np.testing.assert_array_equal(mine[[2, 3, 5]], theirs[[4, 3, 2]])  # price, goal, ship
    np.testing.assert_array_equal(mine[[4, 6]], own["embedding/embeddings"][[4, 6]])
    np.testing.assert_array_equal(now.array("logits/kernel")[:, [1, 2]], then.array("logits/kernel")[:, [1, 0]])
    np.testing.assert_array_equal(now.array("logits/kernel")[:, 0], own["logits/kernel"][:, 0])
    np.testing.assert_array_equal(now.array("logits/bias"), [own["logits/bias"][0], *then.array("logits/bias")[::-1]])
    np.testing.assert_array_equal(
        now.array("lstm_0/forward/lstm_cell/bias"), then.array("lstm_0/forward/lstm_cell/bias")
    )


def test_of_a_linear_model_both_rows_and_columns_have_names(tmp_path: Path) -> None:
    then = made({"family": "linear"}, {"ngrams": WORDS, "idf": np.ones(4)}, Classification(["sport", "trade"]), seed=1)
    words = ["match", "offer", "ship"]
    now = made({"family": "linear"}, {"ngrams": words, "idf": np.ones(3)}, Classification(["art", "trade"]), seed=2)
    own = now.array("logits/kernel").copy()
    started(then.saved(tmp_path / "champion"), now)
    mine, theirs = now.array("logits/kernel"), then.array("logits/kernel")
    np.testing.assert_array_equal(mine[[0, 1, 3], 1], theirs[[0, 4, 1], 1])
    np.testing.assert_array_equal(mine[:, 0], own[:, 0])
    assert mine[2, 1] == own[2, 1]


def test_hashed_ngrams_need_no_names(tmp_path: Path) -> None:
    config, task = {"family": "linear", "hash_buckets": 6}, Classification(["sport", "trade"])
    then, now = (made(config, {"idf": np.ones(6)}, task, seed=seed) for seed in (1, 2))
    assert started(then.saved(tmp_path / "champion"), now).misfit == ""
    np.testing.assert_array_equal(now.array("logits/kernel"), then.array("logits/kernel"))
    fewer = made({**config, "hash_buckets": 5}, {"idf": np.ones(5)}, task)
    warm = started(Model(tmp_path / "champion"), fewer)
    assert warm.misfit.endswith("`logits/kernel` is of shape (6, 2), the champion's is of (7, 2)")


def test_a_number_keeps_its_meaning_in_another_unit(tmp_path: Path) -> None:
    facts = {"vocabulary": WORDS}
    then, now = made(LSTM, facts, Regression(10.0, 4.0), seed=1), made(LSTM, facts, Regression(30.0, 5.0), seed=2)
    started(then.saved(tmp_path / "champion"), now)
    ids = {"token_ids": np.array([[2, 3, 0], [4, 5, 2]])}
    before, after = (np.asarray(of.network(ids))[:, 0] for of in (then, now))
    np.testing.assert_allclose(after * 5.0 + 30.0, before * 4.0 + 10.0, rtol=1e-5)


def test_a_box_stands_behind_the_labels(tmp_path: Path) -> None:
    config = {"family": "resnet", "depth": 20}
    then = made(config, PICTURES, Localization(["cat", "dog"]), seed=1, modality="image")
    now = made(config, PICTURES, Localization(["ant", "cat", "dog"]), seed=2, modality="image")
    warm = started(then.saved(tmp_path / "champion"), now)
    assert warm.told.endswith(", 6 of 7 outputs")
    np.testing.assert_array_equal(now.array("logits/bias")[1:], then.array("logits/bias"))
    np.testing.assert_array_equal(now.array("stage2_block1_1_conv/kernel"), then.array("stage2_block1_1_conv/kernel"))


def test_bert_matches_its_word_pieces(tmp_path: Path) -> None:
    special, task = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"], Classification(["sport", "trade"])
    config = {"family": "bert", "size": "tiny", "sequence_length": 8}
    then = made(config, {"vocabulary": [*special, *WORDS]}, task, seed=1)
    now = made(config, {"vocabulary": [*special, "match", "ball"]}, task, seed=2)
    warm = started(then.saved(tmp_path / "champion"), now)
    assert warm.told.endswith(", 5 of 6 rows of `token_embedding/embeddings`")
    mine, theirs = now.array("token_embedding/embeddings"), then.array("token_embedding/embeddings")
    np.testing.assert_array_equal(mine[:5], theirs[[0, 1, 2, 3, 7]])


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"units": 5}, "`lstm_0/forward/lstm_cell/kernel` is of shape (4, 20), the champion's is of (4, 12)"),
        ({"layers": 2}, "the champion's network has 9 arrays of weights, this one has 15"),
        ({"embedding_dim": 6}, "`embedding/embeddings` is of shape (6, 6), the champion's is of (6, 4)"),
    ],
)
def test_another_network_takes_nothing(tmp_path: Path, changes: Mapping[str, Any], why: str) -> None:
    task, facts = Classification(["sport", "trade"]), {"vocabulary": WORDS}
    then, now = made(LSTM, facts, task, seed=1), made({**LSTM, **changes}, facts, task, seed=2)
    own = [weight.copy() for weight in now.network.get_weights()]
    warm = started(then.saved(tmp_path / "champion"), now)
    assert (warm.misfit, warm.told) == (f"training starts from scratch: {why}", "")
    for mine, before in zip(now.network.get_weights(), own, strict=True):
        np.testing.assert_array_equal(mine, before)


def test_files_that_are_gone_or_damaged_are_said_to_be(tmp_path: Path) -> None:
    task = Classification(["sport", "trade"])
    now = made(LSTM, {"vocabulary": WORDS}, task)
    champion = now.saved(tmp_path / "champion")
    champion.keras.write_bytes(champion.keras.read_bytes()[:2000])
    assert f"the champion in {champion.keras.parent} cannot be read: " in started(champion, now).misfit
    champion.weight_names.unlink()
    assert started(champion, now).misfit.endswith(" does not say what its weights stand for")
    shutil.rmtree(champion.uri)
    assert started(champion, now).misfit.endswith(f"the champion's files are gone from {champion.keras.parent}")


def test_what_weights_stand_for_must_be_known(tmp_path: Path) -> None:
    """A family of one's own that does not say: other words, or labels, could be taken for each other."""
    ids = keras.Input((3,), name="ids")
    network = keras.Model({"ids": ids}, keras.layers.Dense(2)(ids))
    then = Trained(network, WeightNames({}, ("sport", "trade"), facts={"words": "a"}))
    champion = then.saved(tmp_path / "champion")
    same = Trained(keras.models.clone_model(network), then.names)
    assert started(champion, same).misfit == ""
    other_labels = Trained(network, WeightNames({}, ("art", "trade"), facts={"words": "a"}))
    assert "the network has no layer `logits` whose columns they are" in started(champion, other_labels).misfit
    other_words = Trained(network, WeightNames({}, ("sport", "trade"), facts={"words": "b"}))
    assert "`words` differs, and the family does not say" in started(champion, other_words).misfit
