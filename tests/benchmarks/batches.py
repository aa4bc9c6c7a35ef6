"""Calls that the model server joins into batches, against a loop over full batches in a process that does nothing else.

Both sides have the same texts, of all lengths and in the same order, batches of the same size, and the same signature,
which pads a batch to its longest text. Clients together have three batches under way, in calls of a few texts.
"""

import csv
import random
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from serving.protos import predict_pb2
from serving.tensors import write
from tests.benchmarks.bench import Bench
from tests.benchmarks.fine_tuning import checkpoint, on_few_texts
from tests.benchmarks.serving import GRPC, load
from tests.benchmarks.table import Row
from tests.serving.clients import serve

_ROWS: Final = 8
"""Texts of a call."""
_UNDER_WAY: Final = 3
_FEW: Final = 64
"""Texts that MiniLM is trained on here: only its speed counts."""
_SEED: Final = 5


@dataclass(frozen=True)
class _Case:
    """A model, and how it is asked.

    Args:
        name: as the row says it.
        pushed: its version's folder.
        batch: texts of a batch.
        batches: full batches of different texts.
        seconds: how long either side is measured.
    """

    name: str
    pushed: Path
    batch: int
    batches: int
    seconds: float


def measure(bench: Bench) -> Iterator[Row]:
    """Texts a second of an LSTM and of MiniLM."""
    lstm = bench.first_run(bench.pipeline("batches-lstm", {"family": "lstm"}, training={"epochs": 1}))
    times = 2.0 if bench.quick else 5.0
    yield _row(bench, _Case("lstm", Path(lstm.result["pushed_path"]), 64, 32, times))
    yield _row(bench, _Case("MiniLM", _minilm(bench), 32, 10, 4 * times))


def _minilm(bench: Bench) -> Path:
    model = {"family": "bert", "weights": str(checkpoint(bench))}
    with bench.csv("train").open(encoding="utf-8", newline="") as file:
        rows = list(islice(csv.DictReader(file), _FEW))
    return Path(
        bench.trainworks_run(on_few_texts(bench, "batches-minilm", model, rows, epochs=1)).result["pushed_path"]
    )


def _row(bench: Bench, case: _Case) -> Row:
    texts = _texts(bench, case.batch * case.batches)
    clients = _UNDER_WAY * case.batch // _ROWS
    ours, theirs = list[float](), list[float]()
    for _ in range(bench.runs(3)):
        theirs.append(_looped(case, texts))
        ours.append(_served(bench, case, texts, clients))
    what = f"{case.name}, batching, {clients} clients of {_ROWS} texts, against a loop over batches of {case.batch}"
    return Row(what, statistics.median(ours), "texts/s", statistics.median(theirs), 0.9, "ratio at least")


def _texts(bench: Bench, count: int) -> list[bytes]:
    """Texts of the test split, mixed; some twice where it has too few."""
    with bench.csv("test").open(encoding="utf-8", newline="") as file:
        texts = [row["text"].encode() for row in csv.DictReader(file)]
    random.Random(_SEED).shuffle(texts)
    return (texts * (count // len(texts) + 1))[:count]


def _served(bench: Bench, case: _Case, texts: Sequence[bytes], clients: int) -> float:
    parameters = bench.work / "batching.txt"
    parameters.write_text(f"max_batch_size {{ value: {case.batch} }} max_enqueued_batches {{ value: 100 }}")
    bodies = [_request(case.pushed.parent.name, texts[start : start + _ROWS]) for start in range(0, len(texts), _ROWS)]
    flags = ("--enable_batching", "--batching_parameters_file", parameters)
    with serve(bench.work / "batches.log", case.pushed.parent, *flags) as served:
        load("grpc", served.port, GRPC, *bodies, seconds=1.0, clients=clients)
        return _ROWS * load("grpc", served.port, GRPC, *bodies, seconds=case.seconds, clients=clients).rate


def _request(model: str, texts: Sequence[bytes]) -> bytes:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    write(request.inputs["text"], np.array(texts, object))
    return request.SerializeToString()


def _looped(case: _Case, texts: Sequence[bytes]) -> float:
    """Texts a second of a process that does nothing else."""
    code = """
import sys, time
from itertools import cycle
import numpy as np
from pathlib import Path
from serving.models.program import Program
model, batch, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
program = Program(model, 60)
outputs = tuple(program.signatures["serving_default"].outputs)
texts = np.array(sys.stdin.buffer.read().split(b"\\0"), object)
batches = cycle([{"text": texts[start : start + batch]} for start in range(0, len(texts), batch)])
for _ in range(3):
    program.run("serving_default", next(batches), outputs)
start, count = time.perf_counter(), 0
while time.perf_counter() - start < seconds:
    program.run("serving_default", next(batches), outputs)
    count += batch
print(count / (time.perf_counter() - start))
"""
    command = [sys.executable, "-c", code, str(case.pushed), str(case.batch), str(case.seconds)]
    done = subprocess.run(command, input=b"\0".join(texts), capture_output=True, check=True)
    return float(done.stdout)
