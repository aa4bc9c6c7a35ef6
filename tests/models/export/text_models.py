"""Small networks of texts at random, exported as families' are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.export.saved_model import export
from models.family import Family
from models.registry import family_class
from models.tasks import Classification, TaskHead
from models.text.wordpieces import SPECIAL
from schemas.artifacts import Model

WORDS = ["the", "cat", "sat", "中", "文", "x"]
TEXTS = ["The cat sat on 中文 x", "", "cat"]


def made(family: str, features: Sequence[str] = ("text",), **hyperparameters: Any) -> tuple[Family, dict[str, Any]]:
    """A family and facts that suit it."""
    found = family_class(family)
    facts = {"vocabulary": [*SPECIAL, *WORDS] if family == "bert" else WORDS, "lower_case": 1}
    return found(found.Config.model_validate(hyperparameters), features), facts


def network_of(family: Family, facts: dict[str, Any], outputs: int) -> keras.Model:
    """Far from where training starts, where nothing matters yet."""
    keras.utils.set_random_seed(4)
    network, random = family.network(facts, outputs), np.random.default_rng(1)
    for variable in network.trainable_variables:
        variable.assign(variable + random.normal(size=variable.shape, scale=0.1))
    return network


def exported(
    folder: Path,
    family: str,
    task: TaskHead | None = None,
    features: Sequence[str] = ("text",),
    **hyperparameters: Any,
) -> Any:  # the class that TensorFlow makes up for what it loads
    of_family, facts = made(family, features, **hyperparameters)
    task = task or Classification(["a", "b", "c"])
    network, model = network_of(of_family, facts, task.outputs), Model(folder)
    columns, names = dict.fromkeys(features, "BYTES"), {name: name for name in features}
    export(network, of_family.preprocess(facts), task=task, features=names, columns=columns, model=model)
    return tf.saved_model.load(str(model.serving))
