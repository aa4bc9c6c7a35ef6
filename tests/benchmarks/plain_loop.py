"""The other half of the throughput measurement: a plain loop that only reads, splits words and writes TFRecords.

    python -m tests.benchmarks.plain_loop CSV TFRECORD

Prints the number of documents as JSON, and the seconds of the loop alone.
"""

import csv
import json
import sys
import time
from pathlib import Path

import tensorflow as tf


def main(source: str, target: str) -> None:
    started, documents = time.perf_counter(), 0
    with Path(source).open(encoding="utf-8", newline="") as file, tf.io.TFRecordWriter(target) as writer:
        rows = csv.reader(file)
        columns = next(rows)
        text, label = columns.index("text"), columns.index("label")
        for row in rows:
            example = tf.train.Example()
            features = example.features.feature
            features["words"].bytes_list.value.extend(row[text].lower().encode().split())
            features["label"].bytes_list.value.append(row[label].encode())
            writer.write(example.SerializeToString())
            documents += 1
    print(json.dumps({"documents": documents, "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main(*sys.argv[1:])
