"""Small networks of texts at random, exported as families' are."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
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

_ASK = """
import json, sys
import tensorflow as tf, tensorflow_text
folder, signature, inputs = sys.argv[1:]
dtypes = {"steps": tf.int64}
asked = {name: tf.constant(values, dtypes.get(name, tf.string)) for name, values in json.loads(inputs).items()}
found = tf.saved_model.load(folder).signatures[signature](**asked)
foreign = sorted({"keras_hub", "models", "schemas", "components"} & set(sys.modules))
print(json.dumps({"attributions": found["attributions"].numpy().tolist(), "foreign": foreign}))
"""


def attributions_alone(folder: Path, signature: str, inputs: Mapping[str, Sequence[str | int]]) -> Any:
    """What a process says that has TensorFlow and tensorflow_text alone."""
    command = [sys.executable, "-c", _ASK, str(Model(folder).serving), signature, json.dumps(inputs)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout)
    assert answer["foreign"] == []
    return answer["attributions"]


def made(family: str, features: Sequence[str] = ("text",), **hyperparameters: Any) -> tuple[Family, dict[str, Any]]:
    """A family and facts that suit it."""
    found = family_class(family)
    facts = {"vocabulary": [*SPECIAL, *WORDS] if family == "bert" else WORDS, "lower_case": 1}
    if family == "linear":
        facts = {"ngrams": [*WORDS, "the cat", "cat the"], "idf": np.linspace(1, 2, len(WORDS) + 2, dtype=np.float32)}
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
