"""One text's answer: the exported model as the model server asks it, and a bare call of its network.

    python -m tests.benchmarks.one_text VERSION_FOLDER MODEL_KERAS TRANSFORMED_SHARD TEXT

The network gets the pieces of the shard's first example, which should be as many as the text's, in a tf.function of its
own. Both take turns; prints their medians in milliseconds.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import keras
import keras_hub  # noqa: F401 - whose layers the network has
import numpy as np
import tensorflow as tf

import models.layers.masked_pooling  # noqa: F401
from models.text.word_ids import IDS
from serving.models.program import Program

_CALLS: Final = 100


def main(version: str, network: str, shard: str, text: str) -> None:
    program = Program(Path(version), timeout_seconds=60)
    outputs = tuple(program.signatures["serving_default"].outputs)
    model = keras.saving.load_model(network, compile=False)
    call = tf.function(lambda ids: model({IDS: ids}, training=False))
    example = tf.train.Example.FromString(next(iter(tf.data.TFRecordDataset(shard))).numpy())
    ids = tf.constant([example.features.feature[IDS].int64_list.value], tf.int64)
    texts = {"text": np.array([text.encode()], object)}
    ours, bare = [], []
    for turn in range(_CALLS + 10):
        taken = _timed(lambda: program.run("serving_default", texts, outputs)), _timed(lambda: call(ids).numpy())
        if turn >= 10:
            ours.append(taken[0])
            bare.append(taken[1])
    print(json.dumps({"ours": statistics.median(ours), "bare": statistics.median(bare)}))


def _timed(function: Callable[[], Any]) -> float:
    began = time.perf_counter()
    function()
    return 1e3 * (time.perf_counter() - began)


if __name__ == "__main__":
    main(*sys.argv[1:])
