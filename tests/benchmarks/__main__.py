"""`python -m tests.benchmarks [SUBJECT ...]`: measures, prints one table, and fails when a limit is missed."""

import argparse
import importlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.table import Row, markdown, to_json

SUBJECTS = (
    "like_for_like",
    "startup",
    "accuracy",
    "fine_tuning",
    "pytorch",
    "pretraining",
    "explanation",
    "pictures",
    "images",
    "throughput",
    "nights",
    "training_step",
    "serving",
    "batches",
)


def main() -> int:
    """Exit code 0 when every subject could be measured and reached its limits, else 1."""
    options = _arguments()
    bench = Bench(options.work, options.quick, options.data)
    bench.work.mkdir(parents=True, exist_ok=True)
    rows, failed = list[Row](), list[str]()
    for subject in options.subjects or SUBJECTS:
        try:
            rows += _measured(subject, bench)
        except (RuntimeError, OSError) as error:  # what the other subjects found is worth having
            failed.append(subject)
            print(f"{subject} could not be measured: {error}", file=sys.stderr)
    facts = machine()
    table = f"{markdown(rows)}\n{', '.join(facts.values())}.\n"
    print(table)
    if options.markdown:
        _write(options.markdown, table)
    if options.json:
        _write(options.json, to_json(rows, facts))
    missed = [row.what for row in rows if row.passed is False]
    if missed:
        print(f"{len(missed)} of {len(rows)} rows missed their limit.", file=sys.stderr)
    return 1 if missed or failed else 0


def machine() -> dict[str, str]:
    """What the numbers depend on."""
    return {
        "day": date.today().isoformat(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} cores",
        "python": f"Python {platform.python_version()}",
        "tensorflow": f"TensorFlow {importlib.metadata.version('tensorflow')}",
        "keras": f"Keras {importlib.metadata.version('keras')}",
    }


def _measured(subject: str, bench: Bench) -> Iterator[Row]:
    print(f"measuring {subject} ...", file=sys.stderr, flush=True)
    for row in importlib.import_module(f"tests.benchmarks.{subject}").measure(bench):
        print("  " + ", ".join(cell for cell in row.cells() if cell), file=sys.stderr, flush=True)
        yield row


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"one or more of: {', '.join(SUBJECTS)}")
    parser.add_argument("--quick", action="store_true", help="one run of each, and smaller data")
    parser.add_argument("--data", type=Path, help="folder with train.csv and test.csv instead of Reuters R8")
    parser.add_argument("--work", type=Path, default=Path("build/bench"), help="folder for everything that is made")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the table")
    options = parser.parse_args()
    unknown = [subject for subject in options.subjects if subject not in SUBJECTS]
    if unknown:
        parser.error(f"SUBJECT must be one of {', '.join(SUBJECTS)}. Received: {', '.join(unknown)}")
    return options


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
