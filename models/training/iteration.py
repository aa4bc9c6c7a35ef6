"""Iterators over batches, whose threads stand back for a training on the same cores.

A step of training is many short pieces of work on all cores at once, each of which is as slow as its slowest part: who
takes a core away makes the others wait, and they wait for one another anyway. What decodes pictures has a buffer ahead
of it and need not be on time, so it does most of its work in those gaps.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import tensorflow as tf

from models.training.strategies import distributed

NICENESS: Final = 19
"""Of threads that stand back, the highest: with less, they interrupt steps nearly as often as without. Another program
that keeps all cores busy, in the same session or container, so slows down decoding more than training."""


def iterate(dataset: tf.data.Dataset, strategy: tf.distribute.Strategy) -> Any:
    """An iterator over global batches for a strategy's replicas.

    The threads of a data set that has a pool of its own (tf.data's `private_threadpool_size`) stand back, unless a GPU
    trains. Threads have the niceness of the one that starts them, and who has raised theirs may not lower it again: so
    the iterator is made in a thread that then ends.
    """
    batches = distributed(dataset, strategy)
    has_pool = dataset.options().threading.private_threadpool_size is not None
    is_per_thread = sys.platform == "linux"  # elsewhere niceness is the whole process's
    if not has_pool or not is_per_thread or tf.config.list_physical_devices("GPU"):
        return iter(batches)
    with ThreadPoolExecutor(1, initializer=os.nice, initargs=(NICENESS,)) as maker:
        return maker.submit(iter, batches).result()
