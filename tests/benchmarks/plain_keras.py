"""The other half of the like-for-like measurement: the script that a Keras user writes for this job today.

    python -m tests.benchmarks.plain_keras TRAIN_CSV TEST_CSV EXPORT_DIR

Reads the csv files, builds a vocabulary of 10,000 words, trains an LSTM with a tenth held out, evaluates it on the test
file and exports a SavedModel that takes strings. Prints the test accuracy as JSON.
"""

import csv
import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

WORDS, LENGTH, EPOCHS, BATCH = 10_000, 200, 3, 64


def read(path: str) -> tuple[list[str], list[str]]:
    """Texts and labels of a csv file."""
    with Path(path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def main(train_csv: str, test_csv: str, export_dir: str) -> None:
    keras.utils.set_random_seed(1)
    train_texts, train_labels = read(train_csv)
    test_texts, test_labels = read(test_csv)
    classes = sorted(set(train_labels))
    order = np.random.default_rng(1).permutation(len(train_texts))
    labels = np.array([classes.index(label) for label in train_labels])[order]
    test = np.array([classes.index(label) for label in test_labels])

    vectorize = keras.layers.TextVectorization(max_tokens=WORDS, output_sequence_length=LENGTH)
    vectorize.adapt(tf.data.Dataset.from_tensor_slices(train_texts).batch(1024))
    words = vectorize(tf.constant(train_texts)).numpy()[order]

    model = keras.Sequential(
        [
            keras.Input((LENGTH,), dtype="int64"),
            keras.layers.Embedding(WORDS, 64, mask_zero=True),
            keras.layers.LSTM(64),
            keras.layers.Dense(len(classes)),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    model.fit(words, labels, batch_size=BATCH, epochs=EPOCHS, validation_split=0.1, verbose=2)
    _, accuracy = model.evaluate(vectorize(tf.constant(test_texts)), test, batch_size=BATCH, verbose=0)

    served = keras.Sequential([keras.Input((), dtype="string"), vectorize, model, keras.layers.Softmax()])
    served.export(export_dir, verbose=False)
    print(json.dumps({"accuracy": float(accuracy), "classes": len(classes)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
